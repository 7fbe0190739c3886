import { expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.js'
import { openNode } from '../store/postgres/support/nodes.js'
import { newSchema } from '../store/postgres/support/schema.js'
import { Balancer } from '../support/cluster/balancer.js'
import { ChildNode, type Story } from '../support/cluster/child-node.js'
import { Ledger } from '../support/cluster/ledger.js'
import { Partner, postOnce } from '../support/cluster/partner.js'
import { collect } from '../support/server.js'
import { randomFrom } from '../torture/run.mjs'

// Three nodes on one Postgres, and a world that keeps calling, while nodes are killed and started at random.

const PACE = { pollMs: 200, leaseMs: 2_500, renewMs: 400, sweepMs: 60_000 }
const KILLS = 4
const MOST_STORIES = 60
const KEYS = ['a', 'b', 'c']

it('a cluster whose nodes are killed at random loses nothing that was answered, and ends every run once', async () => {
  const schema = newSchema()
  const random = randomFrom(20_260_101)
  const [ledger, balancer, partner] = [await Ledger.open(schema), await Balancer.open(), await Partner.open()]
  const observer = await openNode(schema, { publicUrl: balancer.url })
  const urls = await Promise.all(KEYS.map(async key => (await observer.server.spawn(key)).url))
  const nodes: ChildNode[] = []
  let started = 0
  const startNode = async () => {
    const node = await ChildNode.start({
      ...{ name: `node ${++started}`, url: process.env.LONGLINE_TEST_POSTGRES ?? '', schema, pace: PACE },
      ...{ publicUrl: balancer.url, partner: partner.url, receivers: KEYS },
    })
    nodes.push(node)
    balancer.ports.add(node.port)
  }
  await Promise.all([startNode(), startNode(), startNode()])

  let kills = 0
  const goesOn = () => kills < KILLS
  const acknowledged = new Set<string>()
  let unanswered = 0
  const post = async (sender: number) => {
    for (let n = 0; goesOn(); n++) {
      const body = JSON.stringify(`${sender}/${n}`)
      while (!(await postOnce(urls[n % urls.length] ?? '', body, body))) unanswered++
      acknowledged.add(body)
    }
  }
  const stories = new Set<string>()
  const begin = async (starter: number) => {
    for (let n = 0; goesOn() && n < MOST_STORIES; n++) {
      const story = `${starter}/${n}`
      stories.add(story)
      // As a client does whose call failed: again, on whichever node is there.
      while (!(await startOnce(nodes[Math.floor(random() * nodes.length)], story))) unanswered++
    }
  }
  const kill = async () => {
    while (goesOn()) {
      const at = systemClock.monotonic() + 200 + random() * 600
      await expect.poll(() => systemClock.monotonic() >= at, { timeout: 5_000 }).toBe(true)
      const [victim] = nodes.splice(Math.floor(random() * nodes.length), 1)
      await victim?.kill()
      balancer.ports.delete(victim?.port ?? 0)
      await startNode()
      kills++
    }
  }
  await Promise.all([...[1, 2, 3, 4].map(post), ...[1, 2].map(begin), kill()])

  const [survivor] = nodes
  const told = async () => (await survivor?.ask<Story[]>('stories')) ?? []
  const unread = async () =>
    (await collect(observer.server.receivers())).filter(({ key }) => key !== undefined)
  await expect
    .poll(async () => (await unread()).map(receiver => receiver.unread), { timeout: 30_000 })
    .toEqual(KEYS.map(() => 0))
  await expect
    .poll(async () => (await told()).every(({ status }) => status === 'done'), { timeout: 60_000 })
    .toBe(true)

  expect(unanswered, 'nothing was under way when a node died').toBeGreaterThan(0)
  const handled = await ledger.handled()
  const bodies = new Set(handled.map(({ body }) => body))
  expect(acknowledged.size).toBeGreaterThan(100)
  expect([...acknowledged].filter(body => !bodies.has(body))).toEqual([])
  // One request, however often it was sent, is one callback.
  expect(new Set(handled.map(({ receiver, seq }) => `${receiver} ${seq}`)).size).toBe(bodies.size)
  expect(new Set(handled.map(({ receiver, seq, body }) => `${receiver} ${seq} ${body}`)).size).toBe(
    bodies.size,
  )

  const ended = await told()
  const effects = await ledger.effects()
  expect(new Set(ended.map(({ key }) => key))).toEqual(stories)
  expect(ended).toHaveLength(stories.size)
  // What a run came to is what its steps came to, each of them once.
  const booked = (key: string) => effects.filter(({ story }) => story === key).map(({ result }) => result)
  for (const { key, result } of ended) {
    expect(result).toHaveLength(4)
    expect(new Set(result)).toEqual(new Set(booked(key)))
  }
  expect(effects).toHaveLength(4 * stories.size)
  // And whom it asked was asked once, in the same words.
  for (const asked of partner.messages.values()) expect(asked.size).toBe(1)
  expect(partner.messages.size).toBe(stories.size)
}, 150_000)

function startOnce(node: ChildNode | undefined, story: string): Promise<boolean> | boolean {
  return (
    node?.ask('start', story).then(
      () => true,
      () => false,
    ) ?? false
  )
}
