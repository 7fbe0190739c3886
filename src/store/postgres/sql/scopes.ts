import { DECIDING } from './deciding.js'
import { MEMORIES } from './memories.js'
import { TARGETS } from './targets.js'
import { VERBS } from './verbs.js'

export const SCOPES = [MEMORIES, VERBS, TARGETS, DECIDING].join('\n')
