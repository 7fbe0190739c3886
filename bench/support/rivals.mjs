// What longline is measured beside has a package.json of its own: it is large, and only the questions that need it install it.

import { createRequire } from 'node:module'
import { arch, platform } from 'node:os'
import { fileURLToPath } from 'node:url'
import { ensureInstalled } from '../../scripts/install.mjs'

const folder = fileURLToPath(new URL('../rivals', import.meta.url))
const { resolve } = createRequire(new URL('../rivals/package.json', import.meta.url))

export async function installRivals() {
  await ensureInstalled(folder)
}

/** The Node on which rivals run that do not run on every Node that longline does. */
export const rivalNode = () => resolve('node/bin/node')

export const restateServer = () =>
  resolve(`@restatedev/restate-server-${platform()}-${arch()}/bin/restate-server`)
