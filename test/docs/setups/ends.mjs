/** What a block has set off, and what has to have happened before it is over. @type {Promise<unknown>[]} */
export const ends = []
