// How much room a schema takes up, table by table and index by index.

/** So many times as large still counts as level. */
const MOST = 1.5

/**
 * @typedef {object} Mark
 * @property {number} callbacks that had passed
 * @property {number} perSecond since the mark before
 * @property {ReadonlyMap<string, number>} sizes bytes of each table, with what is beside its rows, and of each index
 * @property {number} total
 */

/** Without what a table keeps of where it has room: that is a few pages from the start. */
const SIZES = `
select c.relname as name,
       (pg_relation_size(c.oid) + coalesce(pg_relation_size(nullif(c.reltoastrelid, 0)), 0))::float8 as bytes
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname = $1 and c.relkind in ('r', 'i')
 order by c.relname`

/**
 * @param {import('pg').Pool} pool @param {string} schema
 * @returns {Promise<ReadonlyMap<string, number>>}
 */
export async function readSizes(pool, schema) {
  const { rows } = await pool.query(SIZES, [schema])
  return new Map(rows.map(({ name, bytes }) => [name, bytes]))
}

/** @param {ReadonlyMap<string, number>} sizes */
export function sum(sizes) {
  return [...sizes.values()].reduce((total, bytes) => total + bytes, 0)
}

/**
 * What took up more room in the last third, by its median, than half as much again as at any mark of the first. One mark says
 * little: what is dead and not yet vacuumed follows the rate, and the rate is the machine's. An index or a table may be
 * `slack` bytes larger: in small ones a page is a lot.
 *
 * @param {readonly Mark[]} marks @param {number} slack
 * @returns {string[]}
 */
export function grown(marks, slack) {
  const third = Math.floor(marks.length / 3)
  if (third === 0) throw new Error('three marks at least say how it grows')
  return [...(marks.at(-1)?.sizes.keys() ?? []), 'all'].filter(name => {
    const before = Math.max(...marks.slice(0, third).map(mark => sizeOf(mark, name)))
    const after = median(marks.slice(-third).map(mark => sizeOf(mark, name)))
    return after > before * MOST + slack
  })
}

/** @param {readonly number[]} values */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0
}

/** @param {Mark} mark @param {string} name */
function sizeOf({ sizes, total }, name) {
  return name === 'all' ? total : (sizes.get(name) ?? 0)
}

/** One line for each table and index that ever was larger than `least` bytes, in MiB. @param {readonly Mark[]} marks @param {number} [least] */
export function toTable(marks, least = 1024 * 1024) {
  const listed = [...(marks.at(-1)?.sizes.keys() ?? []), 'all']
    .map(name => ({ name, bytes: marks.map(mark => sizeOf(mark, name)) }))
    .filter(({ name, bytes }) => name === 'all' || Math.max(...bytes) >= least)
  const width = Math.max(...listed.map(({ name }) => name.length))
  const heading = `${'MiB'.padEnd(width)}${marks.map(({ callbacks }) => toCount(callbacks).padStart(11)).join('')}`
  const lines = listed.map(
    ({ name, bytes }) => `${name.padEnd(width)}${bytes.map(each => toMiB(each).padStart(11)).join('')}`,
  )
  return [heading, ...lines].join('\n')
}

/** @param {number} bytes */
export function toMiB(bytes) {
  return (bytes / 1024 / 1024).toFixed(1)
}

/** @param {number} count */
export function toCount(count) {
  return Math.round(count).toLocaleString('en').replaceAll(',', ' ')
}
