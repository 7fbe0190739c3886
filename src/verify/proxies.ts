import {
  type IpAddress,
  type IpRange,
  isWithin,
  parseIpAddress,
  parseIpRange,
  rangeOfOne,
} from '../core/ip-ranges.js'
import { InvalidOptionsError, VerificationError } from '../errors.js'
import type { RawRequest } from '../model/received.js'

// Who is at the other end of the connection, and whether what it says of somebody behind it is believed.

/** Whose headers are believed. `true`: those of whoever connects. */
export type Proxies = readonly IpRange[] | true

/** @throws InvalidOptionsError for what is neither `true` nor a list of addresses and ranges. */
export function toProxies(given: unknown, what: string): Proxies {
  if (given === true) return true
  if (typeof given === 'string' || Array.isArray(given)) return toAddressList(given, what)
  throw new InvalidOptionsError(
    `${what} must be a list of the addresses of your proxies, such as ['10.0.0.0/8'], or true where nobody else can connect`,
  )
}

/** @throws InvalidOptionsError for what is no list of addresses and ranges, and for one that is empty. */
export function toAddressList(given: unknown, what: string): readonly IpRange[] {
  const list = typeof given === 'string' ? [given] : given
  if (!Array.isArray(list) || list.length === 0) {
    throw new InvalidOptionsError(
      `${what} must be an address or a range, or a list of them, such as ['203.0.113.7', '10.0.0.0/8']`,
    )
  }
  return list.map(text => {
    const range = typeof text === 'string' ? toRange(text) : undefined
    if (range !== undefined) return range
    throw new InvalidOptionsError(
      `${what} holds ${JSON.stringify(text)}, which is neither an address nor a range: write '203.0.113.7', '10.0.0.0/8' or 'fd12::/16'`,
    )
  })
}

/**
 * Who connects, where that is none of the proxies.
 *
 * @throws VerificationError where it is not known who connects, unless that does not matter.
 */
export function strangerOf(request: RawRequest, proxies: Proxies, name: string): IpAddress | undefined {
  if (proxies === true) return undefined
  const peer = peerOf(request, name)
  return isWithin(peer, proxies) ? undefined : peer
}

/**
 * Who is at the other end of the connection.
 *
 * @throws VerificationError where that is not known.
 */
export function peerOf({ remoteAddress }: RawRequest, name: string): IpAddress {
  if (remoteAddress === undefined) {
    throw new VerificationError(
      `${name}: who connects is not known where requests come by server.fetch, by verifyRequest without its option remoteAddress, ` +
        'or through a socket without an address: mount server.node, pass remoteAddress, ' +
        'or say proxies: true where nobody but a proxy of yours can connect',
    )
  }
  const address = parseIpAddress(remoteAddress)
  if (address !== undefined) return address
  throw new VerificationError(`${name}: the remote address of the request is no IP address`)
}

function toRange(text: string): IpRange | undefined {
  const address = parseIpAddress(text)
  return address === undefined ? parseIpRange(text) : rangeOfOne(address)
}
