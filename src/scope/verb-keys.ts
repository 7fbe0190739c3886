import { checkKey } from '../core/bytes.js'
import { InvalidOptionsError } from '../errors.js'
import type { Verb } from '../model/memory.js'

/** A verb that is called with a key. */
export type KeyedVerb = Exclude<Verb, 'wait'>

/** How each is called. */
export const CALLS: Readonly<Record<KeyedVerb, string>> = {
  spawn: "spawn('answers')",
  send: "send('inform', { to, body })",
  publish: "publish('announce', { topic, body })",
  exchange: "exchange('pay', { send: url => ({ to, body: { callback_url: url } }) })",
  start: "start('child', workflow, input)",
  step: "step('charge', () => …)",
  sleep: "sleep('a while', '5m')",
  race: "race('first', { paid: () => …, late: () => … })",
  any: "any('first', { here: () => …, there: () => … })",
}

/** @throws InvalidOptionsError for what is no key: most often it was left out. */
export function checkVerbKey(key: unknown, verb: KeyedVerb): void {
  if (typeof key !== 'string') {
    throw new InvalidOptionsError(`${verb} needs a key, by which it is remembered: ${CALLS[verb]}`)
  }
  checkKey(key, `The key of ${verb}`)
}
