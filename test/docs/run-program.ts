import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { announced } from './blocks.js'
import type { Program } from './programs.js'

export interface Run {
  readonly printed: readonly string[]
  /** What went wrong, with the stack: its lines are those of the guide. */
  readonly failure?: string
}

const world = fileURLToPath(new URL('world.mjs', import.meta.url))
const patienceMs = 15_000

/**
 * Runs a program in a process and a folder of its own. It is over when its last line has been reached and everything
 * it announced has been printed; servers that it left open end with the process.
 */
export async function runProgram({ module, block }: Program): Promise<Run> {
  const cwd = mkdtempSync(join(tmpdir(), 'longline-docs-'))
  const port = await findPort()
  const child = fork(world, [module, ...block.info], {
    cwd,
    env: { ...process.env, DOCS_PORT: String(port), NODE_ENV: 'development', NO_COLOR: '1' },
    execArgv: ['--enable-source-maps', '--no-warnings'],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const wanted = announced(block).length
  let [stdout, stderr, atEnd] = ['', '', false]
  const lines = () => stdout.split('\n').slice(0, -1)

  const failure = await new Promise<string | undefined>(resolve => {
    const timer = setTimeout(() => resolve(`not over after ${patienceMs / 1_000} s\n${stderr}`), patienceMs)
    const look = () => atEnd && lines().length >= wanted && resolve(undefined)
    child.stdout?.setEncoding('utf8').on('data', text => {
      stdout += text
      look()
    })
    child.stderr?.setEncoding('utf8').on('data', text => (stderr += text))
    child.on('message', () => {
      atEnd = true
      look()
    })
    child.on('close', code => resolve(`ended with exit code ${code} before its end\n${stderr}`))
    child.on('close', () => clearTimeout(timer))
  })
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL')
    await new Promise(resolve => child.on('close', resolve))
  }
  rmSync(cwd, { recursive: true, force: true })
  return { printed: lines(), ...(failure === undefined ? {} : { failure }) }
}

function findPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })
}
