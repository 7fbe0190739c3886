import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const SQLITE = pathToFileURL(join(import.meta.dirname, '../../../../dist/sqlite.js')).href

/** A process of its own that works with the store as it is built. `print` sends a line to `lines`. */
export class Child {
  readonly lines: string[] = []
  readonly exited: Promise<number | null>
  readonly #process: ChildProcess
  readonly #looks = new Set<() => void>()

  constructor(program: string) {
    const whole = `
      import { writeSync } from 'node:fs'
      import { sqlite } from ${JSON.stringify(SQLITE)}
      const print = line => writeSync(1, line + '\\n')
      ${program}`
    this.#process = spawn(process.execPath, ['--input-type=module', '--eval', whole], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let rest = ''
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const parts = `${rest}${text}`.split('\n')
      rest = parts.pop() ?? ''
      this.#add(parts)
    })
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => this.#add([`stderr: ${text}`]))
    this.exited = new Promise(resolve => this.#process.on('close', resolve))
  }

  get pid(): number {
    return this.#process.pid ?? 0
  }

  /** Until so many lines have been printed, or the process has ended. */
  async printed(count: number): Promise<readonly string[]> {
    const enough = new Promise<void>(resolve => {
      const look = () => {
        if (this.lines.length < count) return
        this.#looks.delete(look)
        resolve()
      }
      this.#looks.add(look)
      look()
    })
    await Promise.race([enough, this.exited])
    return this.lines
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.exited
  }

  #add(lines: readonly string[]): void {
    this.lines.push(...lines)
    for (const look of [...this.#looks]) look()
  }
}
