// setup=certificate: `server` as in setup=server, and `cert` and `key`, a certificate of ours.

import { generate } from 'selfsigned'

export { server } from './server.mjs'

const made = await generate([{ name: 'commonName', value: 'us' }], { keyType: 'ec', algorithm: 'sha256' })
export const cert = made.cert
export const key = made.private
