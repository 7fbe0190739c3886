import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

/** Collects garbage until somebody has noticed. */
export async function collectGarbage(noticed: () => boolean): Promise<void> {
  for (let turn = 0; turn < 100 && !noticed(); turn++) {
    collect()
    await new Promise(resolve => setImmediate(resolve))
  }
}
