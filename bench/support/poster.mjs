import { Connection } from './connection.mjs'
import { PreparedRequest } from './requests.mjs'

/**
 * Posts the usual body over a connection that stays open, one request at a time.
 *
 * @param {number} port
 * @param {string} path
 */
export async function openPoster(port, path) {
  const request = new PreparedRequest(path, { port })
  /** @type {(status: number) => void} */
  let answered = () => undefined
  /** @type {(error: Error) => void} */
  let failed = () => undefined
  const connection = await Connection.open(port, {
    onAnswer: status => answered(status),
    onLost: error => failed(error),
  })
  return {
    /** @returns {Promise<number>} the status of the answer */
    post: () =>
      new Promise((resolve, reject) => {
        answered = resolve
        failed = reject
        connection.send(request.next())
      }),
    close: () => connection.close(),
  }
}
