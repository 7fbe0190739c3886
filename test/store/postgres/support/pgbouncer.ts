import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { expect, onTestFinished } from 'vitest'
import { freePort } from '../../../torture/run.mjs'

export const isInstalled = spawnSync('pgbouncer', ['--version']).status === 0

/** A pgbouncer of one's own before the server of this test run, in front of which every transaction is anybody's. */
export async function startPgbouncer(): Promise<string> {
  const target = new URL(process.env.LONGLINE_TEST_POSTGRES ?? '')
  const folder = mkdtempSync(join(tmpdir(), 'longline-pgbouncer-'))
  const port = await freePort()
  const file = join(folder, 'pgbouncer.ini')
  const where = `host=${target.hostname} port=${target.port} user=${target.username} password=${target.password}`
  writeFileSync(
    file,
    [
      '[databases]',
      `${target.pathname.slice(1)} = ${where}`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${port}`,
      'unix_socket_dir =',
      'auth_type = any',
      'pool_mode = transaction',
      'default_pool_size = 4',
      'server_round_robin = 1',
      'ignore_startup_parameters = extra_float_digits,options',
      '',
    ].join('\n'),
  )
  chmodSync(folder, 0o755) // as root, it runs as another user
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const child: ChildProcess = spawn('pgbouncer', ['-q', ...user, file], { stdio: 'ignore' })
  const ended = new Promise(resolve => child.once('exit', resolve))
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
    rmSync(folder, { recursive: true })
  })
  const url = new URL(target)
  url.hostname = '127.0.0.1'
  url.port = String(port)
  await expect.poll(() => answers(url.href), { timeout: 10_000 }).toBe(true)
  return url.href
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  try {
    await client.connect()
    return (await client.query('select')).rowCount === 1
  } catch {
    return false
  } finally {
    await client.end().catch(() => {})
  }
}
