import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

// IP addresses and ranges of them: text in, questions answered. Who may be sent to, or may call, is decided elsewhere.

export type IpAddress = ipaddr.IPv4 | ipaddr.IPv6

/** All addresses whose first bits are those of the base. */
export interface IpRange {
  readonly base: IpAddress
  readonly bits: number
}

const mapped = ipaddr.IPv6.parseCIDR('::ffff:0:0/96')

/**
 * Of an IPv4 address inside an IPv6 one (`::ffff:10.0.0.1`) the inner one; a zone (`%eth0`) is left out. `undefined` for what
 * is no address in the common notation: `127.1` and `010.0.0.1` mean different things to different readers.
 */
export function parseIpAddress(text: string): IpAddress | undefined {
  const address = parse(text)
  return address !== undefined && isV6(address) && address.match(mapped) ? address.toIPv4Address() : address
}

/** A range as CIDR, `10.0.0.0/8`: an address, and how many of its bits count. `undefined` for anything else. */
export function parseIpRange(text: string): IpRange | undefined {
  const [, address = '', length = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? []
  const base = parse(address)
  const bits = Number(length)
  if (base === undefined || bits > bitsOf(base)) return undefined
  return isV6(base) && base.match(mapped) && bits >= 96
    ? { base: base.toIPv4Address(), bits: bits - 96 }
    : { base, bits }
}

/** The range that holds this address alone. */
export function rangeOfOne(address: IpAddress): IpRange {
  return { base: address, bits: bitsOf(address) }
}

export function isWithin(address: IpAddress, ranges: readonly IpRange[]): boolean {
  return ranges.some(({ base, bits }) => base.kind() === address.kind() && address.match(base, bits))
}

export function isV6(address: IpAddress): address is ipaddr.IPv6 {
  return address.kind() === 'ipv6'
}

function bitsOf(address: IpAddress): number {
  return isV6(address) ? 128 : 32
}

function parse(text: string): IpAddress | undefined {
  const version = isIP(text)
  if (version === 0) return undefined
  if (version === 4) return ipaddr.IPv4.parse(text)
  const [address] = text.split('%')
  // The parser takes `::8.8.8.8` for a mapped address, which it is not. Without dots there is nothing to mistake.
  return ipaddr.IPv6.parse(new URL(`http://[${address}]`).hostname.slice(1, -1))
}
