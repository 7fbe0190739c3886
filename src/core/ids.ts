// Names nobody has to agree on.
//
//   I1. Ids of one process sort in the order in which they were made, also when the clock stands still or goes back.
//   I2. Ids are unique, not secret. Tokens are secret: each has 144 random bits of its own.

import { randomBytes } from './clock.js'

/** Crockford's 32 letters: in order of their codes, without the ones that people confuse. */
const letters = '0123456789abcdefghjkmnpqrstvwxyz'

/** Two letters at a time: `pairs[0]` is `00`, `pairs[1023]` is `zz`. */
const pairs = Array.from(
  { length: 1024 },
  (_, value) => letters.charAt(value >> 5) + letters.charAt(value & 31),
)

/** 20 bits. */
const limb = 2 ** 20

let lastMs = 0
let lastMsText = encodeMs(lastMs)
/** The 80 bits behind the time, as four limbs, the highest first. */
let tail: [number, number, number, number] = [0, 0, 0, 0]

/** What every id sorts behind that was made at this instant or later, and none that was made before. */
export function beforeIdsOf(prefix: string, instant: number): string {
  return `${prefix}_${encodeMs(Math.min(Math.max(0, Math.floor(instant)), 2 ** 48 - 1))}`
}

/** `prefix`, the instant, and what tells it from others of that instant: `cb_01jb3x9c2k…`. */
export function createId(prefix: string, now: number): string {
  const ms = Math.floor(now)
  if (ms > lastMs) startMs(ms)
  else countUp()

  const [a, b, c, d] = tail
  return `${prefix}_${lastMsText}${encode(a)}${encode(b)}${encode(c)}${encode(d)}`
}

function startMs(ms: number): void {
  lastMs = ms
  lastMsText = encodeMs(ms)
  tail = [randomLimb(), randomLimb(), randomLimb(), randomLimb()]
}

function countUp(): void {
  for (let index = 3; index >= 0; index--) {
    tail[index] = ((tail[index] ?? 0) + 1) % limb
    if (tail[index] !== 0) return
  }
  startMs(lastMs + 1)
}

function randomLimb(): number {
  const [high = 0, middle = 0, low = 0] = randomBytes(3)
  return ((high << 16) | (middle << 8) | low) % limb
}

/** 20 bits are four letters. */
function encode(value: number): string {
  return `${pairs[value >> 10]}${pairs[value & 1023]}`
}

/** 48 bits are ten letters. */
function encodeMs(ms: number): string {
  return `${pairs[Math.floor(ms / 2 ** 40)]}${encode(Math.floor(ms / limb) % limb)}${encode(ms % limb)}`
}

/** Part of a URL: whoever has it may call. */
export function createToken(): string {
  return Buffer.from(randomBytes(18)).toString('base64url')
}

export function isToken(text: string): boolean {
  return /^[\w-]{24}$/.test(text)
}
