// What the demo prints: lines, a bar where there is a terminal, and colours where somebody sees them.

import { styleText } from 'node:util'

/** @typedef {'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'} Style */

/**
 * @param {string} what
 * @param {string} words
 * @param {Style} [colour]
 */
export function say(what, words, colour = 'cyan') {
  if (process.stdout.isTTY) process.stdout.write('\r\x1b[2K') // the bar
  console.log(`  ${paint(colour, what.padEnd(9))}${words}`)
}

/**
 * @param {number} done
 * @param {number} all
 */
export function showProgress(done, all) {
  if (!process.stdout.isTTY) return
  const width = 40
  const filled = Math.round((done / all) * width)
  const bar = `${'━'.repeat(filled)}${paint('dim', '━'.repeat(width - filled))}`
  process.stdout.write(`\r  ${bar} ${done} of ${all} orders ended`)
}

/** @param {number} since */
export function seconds(since) {
  return `${((performance.now() - since) / 1_000).toFixed(1)} s`
}

/**
 * @param {Style} style
 * @param {string} text
 */
export function paint(style, text) {
  return process.stdout.isTTY && !process.env.NO_COLOR ? styleText(style, text) : text
}
