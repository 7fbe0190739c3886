import { ACCEPTING } from './accepting.js'
import { CLAIMING } from './claiming.js'
import { RECEIVERS } from './receivers.js'
import { REGISTRY } from './registry.js'
import { SETTLING } from './settling.js'

export const RECEIVING = [RECEIVERS, ACCEPTING, CLAIMING, SETTLING, REGISTRY].join('\n')
