// Makes a checkout ready to run: `npm ci` when what is installed is not what package-lock.json says, and with
// `--build` dist when it is older than the sources. Does nothing, quickly, when there is nothing to do.
//
// Runs before anything is installed, so it imports nothing but Node's own modules until then.

import { ensureBuilt } from './build.mjs'
import { ensureInstalled, SetupError } from './install.mjs'
import { root } from './root.mjs'

const leastNode = [20, 19]

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const [leastMajor = 0, leastMinor = 0] = leastNode
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return
  throw new SetupError(`Node ${leastNode.join('.')} or newer is needed; this is ${process.version}`)
}

try {
  checkNode()
  await ensureInstalled(root)
  if (process.argv.includes('--build')) await ensureBuilt()
} catch (error) {
  if (!(error instanceof SetupError)) console.error(error)
  console.error(error instanceof SetupError ? `setup: ${error.message}` : 'setup: dist could not be built')
  process.exitCode = 1
}
