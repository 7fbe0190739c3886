import { validateSignature as isSignedByLine } from '@line/bot-sdk'
import * as octokit from '@octokit/webhooks-methods'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { github, line } from '../../../src/verify/hmac-providers.js'
import { base64, bytes, hex, passes, RUNS, refuses, secrets, texts } from '../support/counterparts.js'

it('@octokit/webhooks-methods signs what we verify, and passes what is signed by hand', async () => {
  await fc.assert(
    fc.asyncProperty(secrets, texts, async (written, body) => {
      fc.pre(!/^(?:gh[opusr]_|github_pat_)/.test(written) && body !== '')
      const signature = await octokit.sign(written, body)
      expect(signature).toBe(`sha256=${hex(written, body)}`)
      await passes(github({ secret: written }), body, { 'x-hub-signature-256': signature })
      await refuses(github({ secret: written }), `${body}x`, { 'x-hub-signature-256': signature })
      expect(await octokit.verify(written, body, signature)).toBe(true)
    }),
    RUNS,
  )
})

it('@line/bot-sdk passes what we pass, and nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(secrets, bytes, async (written, body) => {
      const signature = base64(written, body)
      expect(isSignedByLine(body, written, signature)).toBe(true)
      await passes(line({ secret: written }), body, { 'x-line-signature': signature })
      const changed = Buffer.concat([body, Buffer.from('x')])
      expect(isSignedByLine(changed, written, signature)).toBe(false)
      await refuses(line({ secret: written }), changed, { 'x-line-signature': signature })
    }),
    RUNS,
  )
})
