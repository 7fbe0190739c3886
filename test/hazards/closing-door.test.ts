import { describe, expect, it } from 'vitest'
import { openTestServer } from '../support/server.js'
import { stores } from '../support/stores.js'

// The bug: a request passes the check, the receiver closes, the request is stored. Its sender read 202, and nobody will
// ever read the callback.

describe.each(stores)('in %s', (_, store) => {
  it('a request racing close() is either returned by it or answered 410', async () => {
    await using bench = await openTestServer({ store: store() })
    for (let round = 0; round < 100; round++) {
      const receiver = await bench.server.spawn<number>(`door/${round}`)
      const answers: Promise<Response>[] = []
      let listed: Promise<{ data: number }[]> | undefined
      for (let n = 0; n < 10; n++) {
        if (n === round % 10) listed = receiver.close()
        answers.push(bench.post(receiver.url, n))
        for (let turn = 0; turn < round % 3; turn++) await Promise.resolve()
      }

      const statuses = (await Promise.all(answers)).map(answer => answer.status)
      const accepted = statuses.flatMap((status, n) => (status === 202 ? [n] : []))
      const refused = statuses.filter(status => status === 410)
      const returned = ((await listed) ?? []).map(callback => callback.data)

      expect(accepted.length + refused.length).toBe(10)
      expect(returned.sort()).toEqual(accepted)
      expect(statuses.at(-1)).toBe(410)
    }
  })
})
