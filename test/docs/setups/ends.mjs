/** What a block has set off, and what has to have happened before it is over. @type {Promise<unknown>[]} */
export const ends = []

/** What a setup leaves behind, and how it goes once the servers of the block are closed. @type {(() => Promise<void>)[]} */
export const cleanUps = []
