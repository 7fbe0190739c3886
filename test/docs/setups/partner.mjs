// setup=partner: `server` as in setup=server, and `partner`, an endpoint declared on it.

import { server } from './server.mjs'

export { server }

export const partner = server.endpoint('partner', { url: 'https://partner.example/api' })
