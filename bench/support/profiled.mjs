// Loaded before a program with `--import`: a CPU profile of its main thread and of every thread that it starts.
//
// `node --cpu-prof` writes none for a thread that is terminated, which is how the store's thread ends. So a thread is
// asked for its profile first.

import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import threads from 'node:worker_threads'

const folder = process.env.PROFILE_FOLDER ?? '.'
const CHANNEL = 'profile'

const session = new Session()
session.connect()
session.post('Profiler.enable')
session.post('Profiler.start')

if (threads.isMainThread) {
  process.on('exit', () => write('main'))
  threads.Worker = class extends threads.Worker {
    /**
     * @param {string | URL} file
     * @param {import('node:worker_threads').WorkerOptions} [options]
     */
    constructor(file, options) {
      super(file, { ...options, execArgv: [...(options?.execArgv ?? []), '--import', import.meta.url] })
    }

    /** @override */
    async terminate() {
      const channel = new threads.BroadcastChannel(CHANNEL)
      const written = once(/** @type {EventTarget} */ (/** @type {unknown} */ (channel)), 'message')
      channel.postMessage('write')
      await written
      channel.close()
      return super.terminate()
    }
  }
  syncBuiltinESMExports()
} else {
  const channel = new threads.BroadcastChannel(CHANNEL)
  channel.onmessage = () => {
    write('thread')
    channel.postMessage('written')
  }
}

/** @param {string} name */
function write(name) {
  session.post('Profiler.stop', (error, result) => {
    if (error) throw error
    writeFileSync(join(folder, `${name}.cpuprofile`), JSON.stringify(result.profile))
  })
}
