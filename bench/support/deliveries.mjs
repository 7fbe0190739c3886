// So many messages, a few of them being sent at any moment.

const AT_ONCE = 64

/**
 * Deliveries a second, from the first message until the last one has ended.
 *
 * @param {number} count
 * @param {(body: object) => Promise<unknown>} send resolves when it is durable
 * @param {Promise<unknown>} ended when all have ended
 */
export async function sendAll(count, send, ended) {
  const startedAt = performance.now()
  let next = 0
  const work = async () => {
    while (next < count) {
      next += 1
      await send(toOrder(next))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  await ended
  return (count / (performance.now() - startedAt)) * 1000
}

/** About 500 bytes of JSON. @param {number} id */
const toOrder = id => ({
  id,
  customer: 'ada',
  items: Array.from({ length: 12 }, (_, n) => ({ sku: `book-${n}`, n })),
})
