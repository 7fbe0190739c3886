import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs a file of `examples/` as anybody would. It ends by itself; a process that is kept alive is killed. `interruptAt`: Ctrl-C,
 * as soon as it has printed that.
 */
export function runExample(
  file: string,
  {
    patienceMs = 15_000,
    given = [],
    interruptAt,
  }: { readonly patienceMs?: number; readonly given?: readonly string[]; readonly interruptAt?: string } = {},
): Promise<Outcome> {
  const path = fileURLToPath(new URL(`../../examples/${file}`, import.meta.url))
  const child = spawn(process.execPath, ['--no-warnings', path, ...given], {
    env: { ...process.env, NODE_ENV: 'development', FORCE_COLOR: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs)
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', text => {
    const before = stdout
    stdout += text
    const isThere = interruptAt !== undefined && stdout.includes(interruptAt)
    if (isThere && !before.includes(interruptAt)) child.kill('SIGINT')
  })
  child.stderr.setEncoding('utf8').on('data', text => (stderr += text))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', code => {
      clearTimeout(timer)
      resolve({ code, stdout, stderr })
    })
  })
}
