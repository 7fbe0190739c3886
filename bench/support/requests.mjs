// What is posted: bytes made once, before anything is measured.

const ID_DIGITS = 12

/** 500 bytes of JSON, the size of a small webhook. */
export const body = toBody(500)

/** JSON of just so many bytes. @param {number} size */
export function toBody(size) {
  const order = {
    type: 'order.created',
    id: 'ord_5f0c1a9b7e3d',
    createdAt: '2025-03-01T09:30:00.000Z',
    customer: { id: 'cus_91b2', name: 'Ada Example', email: 'ada@example.com' },
    lines: [
      { sku: 'A-100', quantity: 2, price: 1299 },
      { sku: 'B-205', quantity: 1, price: 4900 },
    ],
    note: '',
  }
  order.note = 'x'.repeat(size - Buffer.byteLength(JSON.stringify(order)))
  return JSON.stringify(order)
}

/** A request that is sent again and again; with an id, each time under another one. */
export class PreparedRequest {
  #bytes
  #idEnd = -1

  /**
   * @param {string} path
   * @param {object} options
   * @param {number} options.port
   * @param {string} [options.idPrefix] sets it apart from those of other connections
   * @param {Readonly<Record<string, string>>} [options.headers] besides those that it needs
   */
  constructor(path, { port, idPrefix, headers = {} }) {
    const lines = [
      `POST ${path} HTTP/1.1`,
      `host: 127.0.0.1:${port}`,
      'content-type: application/json',
      `content-length: ${Buffer.byteLength(body)}`,
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ]
    if (idPrefix !== undefined) lines.push(`webhook-id: ${idPrefix}${'0'.repeat(ID_DIGITS)}`)
    const head = lines.join('\r\n')
    this.#bytes = Buffer.from(`${head}\r\n\r\n${body}`)
    if (idPrefix !== undefined) this.#idEnd = Buffer.byteLength(head)
  }

  /** The bytes are changed in place: they have left when the answer to them is there. */
  next() {
    for (let digit = this.#idEnd - 1; digit > 0; digit -= 1) {
      const value = this.#bytes[digit] ?? 0
      this.#bytes[digit] = value === NINE ? ZERO : value + 1
      if (value !== NINE) break
    }
    return this.#bytes
  }
}

const ZERO = '0'.charCodeAt(0)
const NINE = '9'.charCodeAt(0)
