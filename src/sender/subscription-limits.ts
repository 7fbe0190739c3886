import { InvalidOptionsError } from '../errors.js'
import type { Policy } from './policy.js'

// What a subscription may ask of us. Its options often come from outside: whoever writes them must not be able to keep
// the sender busy, or to fill the store.

const MOST = { concurrency: 64, attempts: 100, secrets: 10, storedBytes: 64 * 1024 } as const
const LONGEST_TIMEOUT_MS = 2 * 60_000
const SHORTEST_DELAY_MS = 1_000

/** @throws InvalidOptionsError for a policy that an endpoint in code may have, and a subscription may not. */
export function checkLimits(policy: Policy, storedBytes: number): void {
  const { concurrency, timeoutMs, retry, signingKeys } = policy
  const { attempts, delaysMs = [], delayMs, maxDelayMs, giveUpAfterMs } = retry
  const rules: readonly (readonly [isKept: boolean, rule: string])[] = [
    [concurrency <= MOST.concurrency, `concurrency of a subscription may be up to ${MOST.concurrency}`],
    [timeoutMs <= LONGEST_TIMEOUT_MS, 'timeout of a subscription may be up to 2m'],
    [
      attempts <= MOST.attempts || (attempts === Number.POSITIVE_INFINITY && giveUpAfterMs !== undefined),
      `retry of a subscription may have up to ${MOST.attempts} attempts; with giveUpAfter alone its time is the limit`,
    ],
    [
      attempts === 1 || [...delaysMs, delayMs, maxDelayMs].every(ms => ms >= SHORTEST_DELAY_MS),
      'retry of a subscription may not be sooner than after 1s',
    ],
    [signingKeys.length <= MOST.secrets, `secret of a subscription may be up to ${MOST.secrets}`],
    [
      storedBytes <= MOST.storedBytes,
      `the options of a subscription may take up ${MOST.storedBytes} bytes; these take up ${storedBytes}`,
    ],
  ]
  const broken = rules.find(([isKept]) => !isKept)
  if (broken !== undefined) throw new InvalidOptionsError(broken[1])
}
