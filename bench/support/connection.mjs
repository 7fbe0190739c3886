// One keep-alive connection that sends bytes made beforehand and reads just enough of the answers to tell them apart.
//
// It takes a fraction of what an HTTP client costs: on two cores, what the generator burns, the server under test lacks.
// One request is under way at a time, so an answer belongs to the request before it.

import { connect } from 'node:net'

const HEAD_END = Buffer.from('\r\n\r\n')

export class Connection {
  /** @type {import('node:net').Socket} */
  #socket
  /** @type {(status: number) => void} */
  #onAnswer
  /** Of an answer that came in pieces, or the first one. */
  #pieces = Buffer.alloc(0)
  #lengthOfLast = 0

  /**
   * @param {import('node:net').Socket} socket
   * @param {(status: number) => void} onAnswer
   */
  constructor(socket, onAnswer) {
    this.#socket = socket
    this.#onAnswer = onAnswer
  }

  /**
   * @param {number} port
   * @param {{ onAnswer: (status: number) => void, onLost: (error: Error) => void }} listeners
   * @returns {Promise<Connection>}
   */
  static open(port, { onAnswer, onLost }) {
    return new Promise((resolve, reject) => {
      const buffer = Buffer.allocUnsafe(16 * 1024)
      /** @type {(size: number, buffer: Uint8Array) => boolean} */
      const callback = size => {
        connection.#read(size, buffer)
        return true
      }
      const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread: { buffer, callback } })
      const connection = new Connection(socket, onAnswer)
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        socket.once('error', onLost)
        socket.once('end', () => onLost(new Error('the server ended the connection')))
        resolve(connection)
      })
    })
  }

  /** @param {Uint8Array} request */
  send(request) {
    this.#socket.write(request)
  }

  close() {
    this.#socket.removeAllListeners('end')
    this.#socket.destroy()
  }

  /**
   * @param {number} size
   * @param {Buffer} buffer
   */
  #read(size, buffer) {
    // Nearly every answer comes in one piece and is as long as the one before.
    if (this.#pieces.length === 0 && size === this.#lengthOfLast) {
      this.#onAnswer(statusOf(buffer))
      return
    }
    this.#pieces = Buffer.concat([this.#pieces, buffer.subarray(0, size)])
    if (!isWhole(this.#pieces)) return
    const status = statusOf(this.#pieces)
    this.#lengthOfLast = this.#pieces.length
    this.#pieces = Buffer.alloc(0)
    this.#onAnswer(status)
  }
}

/** `HTTP/1.1 202` @param {Buffer} answer */
function statusOf(answer) {
  return Number(answer.toString('latin1', 9, 12))
}

/** @param {Buffer} answer */
function isWhole(answer) {
  const headLength = answer.indexOf(HEAD_END) + HEAD_END.length
  if (headLength < HEAD_END.length) return false
  const head = answer.toString('latin1', 0, headLength)
  if (/^transfer-encoding: *chunked/im.test(head)) {
    return answer.toString('latin1', Math.max(headLength, answer.length - 7)).endsWith('0\r\n\r\n')
  }
  return answer.length >= headLength + Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
}
