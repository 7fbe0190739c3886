// What a question comes to, and how it is printed.

/**
 * @typedef {object} Settings
 * @property {number} rounds
 * @property {number} seconds measured in each round
 * @property {number} receivers how many the registry is filled with
 * @property {number} runs how many are parked
 * @property {string} folder for files; removed at the end
 * @property {(text: string) => void} progress
 */
/**
 * @typedef {object} Result
 * @property {string} title
 * @property {readonly string[]} head
 * @property {readonly (readonly string[])[]} rows
 * @property {readonly Target[]} targets
 * @property {readonly string[]} notes
 */
/** @typedef {{ what: string, reached: string, isMet: boolean }} Target */

/** @param {Result} result */
export function toText({ title, head, rows, targets, notes }) {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map(row => (row[column] ?? '').length)))
  const lines = [head, ...rows].map(row =>
    row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
    ),
  )
  return [
    title,
    '',
    ...lines.map(cells => `  ${cells.join('   ')}`),
    '',
    ...targets.map(({ what, reached, isMet }) => `  ${isMet ? '✔' : '✘'} ${what}: ${reached}`),
    ...notes.map(note => `  · ${note}`),
    '',
  ].join('\n')
}

/** @param {number} value */
export const toCount = value => Math.round(value).toLocaleString('en').replaceAll(',', ' ')

/** @param {number} value */
export const toMilliseconds = value => `${value.toFixed(value < 10 ? 2 : 1)} ms`

/** @param {number} value */
export const toMegabytes = value => `${(value / 1e6).toFixed(0)} MB`

/** @param {number} value */
export const toTimes = value => `${value.toFixed(2)} ×`

/**
 * @param {readonly number[]} values
 * @param {(value: number) => string} format
 */
export const toRange = (values, format) => `${format(Math.min(...values))} – ${format(Math.max(...values))}`
