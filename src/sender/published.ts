import type { Delivery, Published } from '../model/message.js'
import { eachOf, eachPage } from '../store/pages.js'
import type { StoreSession } from '../store/store.js'
import type { Sent } from './outbox.js'

export interface PublishedParts {
  readonly session: Pick<StoreSession, 'listDeliveries'>
  readonly toHandle: (sent: Sent) => Delivery
}

/** A message to many, found by its id. */
export class PublishedMessage implements Published {
  readonly messageId: string
  readonly #parts: PublishedParts

  constructor(messageId: string, parts: PublishedParts) {
    this.messageId = messageId
    this.#parts = parts
  }

  deliveries(): AsyncGenerator<Delivery> {
    const { session, toHandle } = this.#parts
    const { messageId } = this
    const records = eachPage(
      from => session.listDeliveries({ messageId, ...from }),
      ({ id }) => id,
    )
    return eachOf(records, ({ id }) => toHandle({ id, messageId }))
  }
}
