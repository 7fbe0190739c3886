import { describe, expect, it } from 'vitest'
import { endpointDefaults, toPolicy } from '../../src/sender/policy-options.js'
import { redact } from '../../src/sender/redaction.js'
import { toRequest } from '../../src/sender/request.js'
import { fillUrl, toUrlTemplate } from '../../src/sender/url-template.js'

const message = {
  id: 'msg_1',
  method: 'POST',
  path: '/orders/7',
  query: 'region=berlin&token=of-the-message',
  headers: [
    ['content-type', 'application/json'],
    ['x-trace', '42'],
  ] as [string, string][],
  body: Buffer.from('{"id":7}'),
}

function kept(url: string, options: object, given: Partial<typeof message> = {}) {
  const sent = { ...message, ...given }
  const settings = {
    ...toPolicy('endpoint', options, endpointDefaults),
    ...toUrlTemplate(url, 'url', text => new URL(text)),
  }
  const own = fillUrl(settings, sent)
  return redact(toRequest(sent, settings, { at: 1_614_265_330_000 }), { ...settings, url: own })
}

const url = 'https://partner.example/api'
const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

describe('what is kept of a request', () => {
  it('is method, address and headers, as they were sent', () => {
    expect(kept(url, { headers: { 'x-region': 'berlin' } })).toEqual({
      method: 'POST',
      url: 'https://partner.example/api/orders/7?region=berlin&token=of-the-message',
      headers: [
        ['user-agent', expect.stringMatching(/^longline/)],
        ['x-region', 'berlin'],
        ['content-type', 'application/json'],
        ['x-trace', '42'],
        ['webhook-id', 'msg_1'],
      ],
    })
  })

  it.each<[string, object, string]>([
    ['a signature', { secret }, 'webhook-signature'],
    ['basic', { auth: { basic: ['ada', 'hunter2'] } }, 'authorization'],
    ['bearer', { auth: { bearer: 'hunter2' } }, 'authorization'],
    ['a header of its own', { auth: { header: ['x-partner', 'hunter2'] } }, 'x-partner'],
    [
      'a token of OAuth 2',
      { auth: { oauth2: { tokenUrl: url, clientId: 'ada', clientSecret: 'hunter2' } } },
      'authorization',
    ],
    ['a header that says so', { headers: { 'X-Api-Key': 'hunter2' } }, 'x-api-key'],
    ['a key', { headers: { 'X-Functions-Key': 'hunter2' } }, 'x-functions-key'],
    ['a cookie', { headers: { cookie: 'id=hunter2' } }, 'cookie'],
  ])('says of %s that it was there, and no more', (_, options, name) => {
    const { headers } = kept(url, options)
    expect(headers).toContainEqual([name, '[redacted]'])
    expect(JSON.stringify(headers)).not.toMatch(/hunter2|v1,/)
    expect(headers.filter(([each]) => each === name)).toHaveLength(1)
  })

  it('leaves the time of the signature, and headers whose names only look like a key', () => {
    const { headers } = kept(url, { secret, headers: { 'x-monkey': 'fine', 'idempotency-keys': 'fine' } })
    expect(headers).toContainEqual(['webhook-timestamp', '1614265330'])
    expect(headers).toContainEqual(['x-monkey', 'fine'])
  })

  it("takes a message's own credentials away, too", () => {
    const { headers } = kept(url, {}, { headers: [['authorization', 'Bearer hunter2']] })
    expect(headers).toContainEqual(['authorization', '[redacted]'])
  })

  it.each([
    ['https://partner.example/api?code=hunter2', 'https://partner.example/api/orders/7?code=[redacted]'],
    ['https://partner.example/api?hunter2', 'https://partner.example/api/orders/7?[redacted]'],
    [
      'https://partner.example/?a=1&b=hunter2=&c=',
      'https://partner.example/orders/7?a=[redacted]&b=[redacted]&c=[redacted]',
    ],
    [
      'https://hooks.example/services/T0000/B0000/hunter2hunter2hunter2/',
      'https://hooks.example/services/T0000/B0000/[redacted]/orders/7',
    ],
    ['https://partner.example/v1/webhooks-of-ours', 'https://partner.example/v1/webhooks-of-ours/orders/7'],
    ['https://partner.example/{id}?key=hunter2', 'https://partner.example/7/orders/7?key=[redacted]'],
  ])('takes out of the URL of an endpoint what may be a credential: %s', (own, left) => {
    expect(kept(own, {}, { query: '' }).url).toBe(left)
    expect(kept(own, {}).url).toBe(`${left}${left.includes('?') ? '&' : '?'}${message.query}`)
  })

  it('takes it out as well where a message has no path of its own', () => {
    const own = 'https://hooks.example/hunter2hunter2hunter2/'
    expect(kept(own, {}, { path: '', query: '' }).url).toBe('https://hooks.example/[redacted]/')
  })
})
