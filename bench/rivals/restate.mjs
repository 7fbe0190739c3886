// The same with Restate: its server, on a folder of its own, and a service of this process.
//
// Everything is as it comes. Restate waits for the disk before it answers, as longline does.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http2'
import { createServer as createTcpServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { createEndpointHandler, service } from '@restatedev/restate-sdk'
import { Pool } from 'undici'
import { answerRunner, readTask } from '../support/child.mjs'
import { restateServer } from '../support/rivals.mjs'
import { price, toAbilities } from '../support/roundtrips.mjs'

const PATIENCE_MS = 60_000
/** In which Linux counts processor time. */
const TICK_US = 10_000

/** @type {{ folder: string, partner: string, warmupMs: number, measuredMs: number }} */
const task = readTask()

const partner = new Pool(task.partner)
const [ingressPort, adminPort, nodePort] = await findPorts(3)
const ingress = new Pool(`http://127.0.0.1:${ingressPort}`)

const orders = service({
  name: 'orders',
  handlers: {
    place: async (context, /** @type {import('../support/roundtrips.mjs').Order} */ order) => {
      const { amount } = await context.run('price', async () => price(order))
      /** @type {{ id: string, promise: Promise<{ id: string, status: string }> }} */
      const { id: awakeable, promise } = context.awakeable()
      const callback = `http://127.0.0.1:${ingressPort}/restate/awakeables/${awakeable}/resolve`
      await context.run('pay', async () => {
        await post(partner, '/payments', { id: order.id, amount, callback })
      })
      const { id, status } = await promise
      return { id, status, amount }
    },
  },
})
// A line for each invocation would be work that the other side does not do.
const services = createServer(createEndpointHandler({ services: [orders], logger: () => undefined }))
services.listen(0, '127.0.0.1')
await once(services, 'listening')

const server = startRestate()
await register()
const abilities = toAbilities(async order => JSON.parse(await post(ingress, '/orders/place', order)), task)
answerRunner({}, { ...abilities, cpu })

function startRestate() {
  const flags = ['--no-logo', '--bind-ip', '127.0.0.1', '--listen-mode', 'tcp', '--base-dir', task.folder]
  const server = spawn(restateServer(), flags, {
    stdio: 'ignore',
    env: {
      ...process.env,
      RESTATE_INGRESS__BIND_PORT: String(ingressPort),
      RESTATE_ADMIN__BIND_PORT: String(adminPort),
      RESTATE_BIND_PORT: String(nodePort),
      RESTATE_DISABLE_TELEMETRY: 'true',
      RESTATE_LOG_FILTER: 'error',
      DO_NOT_TRACK: '1',
    },
  })
  server.once('exit', () => process.exit(1))
  process.on('exit', () => server.kill('SIGKILL'))
  return server
}

/** Of this process and of Restate's server; Linux alone tells of another process. */
async function cpu() {
  const { user, system } = process.cpuUsage()
  const stat = readFileSync(`/proc/${server.pid}/stat`, 'latin1')
  const [utime, stime] = stat.slice(stat.lastIndexOf(')')).split(' ').slice(12, 14).map(Number)
  return user + system + ((utime ?? 0) + (stime ?? 0)) * TICK_US
}

/** Tells it of the service, as soon as it can be told. */
async function register() {
  const admin = new Pool(`http://127.0.0.1:${adminPort}`)
  const address = services.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const giveUpAt = performance.now() + PATIENCE_MS
  for (;;) {
    try {
      await post(admin, '/deployments', { uri: `http://127.0.0.1:${port}` })
      await post(ingress, '/orders/place', { id: 'first', item: 'book' })
      return
    } catch (error) {
      if (performance.now() > giveUpAt) throw error
      await delay(100)
    }
  }
}

/**
 * @param {Pool} pool
 * @param {string} path
 * @param {object} given
 */
async function post(pool, path, given) {
  const { statusCode, body } = await pool.request({
    method: 'POST',
    path,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(given),
  })
  const text = await body.text()
  if (statusCode >= 300) throw new Error(`${path} was answered ${statusCode}: ${text}`)
  return text
}

/**
 * Ports that are free now: it does not tell which ones it took by itself.
 *
 * @param {number} count
 */
async function findPorts(count) {
  const probes = Array.from({ length: count }, () => createTcpServer().listen(0, '127.0.0.1'))
  await Promise.all(probes.map(probe => once(probe, 'listening')))
  return probes.map(probe => {
    const address = probe.address()
    probe.close()
    return address !== null && typeof address === 'object' ? address.port : 0
  })
}
