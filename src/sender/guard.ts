import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { InvalidOptionsError } from '../errors.js'

// Which addresses a message may go to. It judges text and numbers only: who resolves a name or opens a socket asks it
// about the address that came out.
//
//   G1. What is not known to be a public address is refused: the list is of what is good.
//   G2. An IPv4 address inside an IPv6 one is judged as that IPv4 address.
//   G3. `true` opens every private range. An address that hands out a machine's credentials, or none that a web server
//       can have, opens only when a range is listed that holds it.

export interface GuardOptions {
  /** Private ranges that may be sent to, as CIDR; `true` is all of them. */
  readonly allowPrivate: boolean | readonly string[]
  /** Whether loopback may be sent to. */
  readonly development: () => boolean
}

type Address = ipaddr.IPv4 | ipaddr.IPv6
type Range = readonly [Address, number]

/** Where cloud providers hand out a machine's credentials. */
const metadata = new Set(
  [
    '169.254.169.254',
    '169.254.170.2',
    '169.254.170.23',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    'fd00:ec2::254',
    'fd00:ec2::23',
    'fd20:ce::254',
  ].map(address => ipaddr.parse(address).toString()),
)

/** The ranges that `allowPrivate: true` opens, in words. What is neither here nor public is `reserved`. */
const privateRanges: Readonly<Record<string, string>> = {
  loopback: 'a loopback address',
  private: 'a private address',
  linkLocal: 'a link-local address',
  uniqueLocal: 'a private address',
  deprecatedSiteLocal: 'a private address',
  carrierGradeNat: 'an address behind a carrier-grade NAT',
}

const otherRanges: Readonly<Record<string, string>> = {
  unspecified: 'an unspecified address',
  broadcast: 'a broadcast address',
  multicast: 'a multicast address',
  '6to4': 'the address of a tunnel',
  teredo: 'the address of a tunnel',
}

const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3')
const nat64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96')

export class Guard {
  readonly #all: boolean
  readonly #listed: readonly Range[]
  readonly #development: () => boolean

  /** @throws InvalidOptionsError when `allowPrivate` lists something that is not a range. */
  constructor({ allowPrivate, development }: GuardOptions) {
    this.#all = allowPrivate === true
    this.#listed = typeof allowPrivate === 'boolean' ? [] : toRanges(allowPrivate)
    this.#development = development
  }

  /** Why nothing is sent to this IP address, in words (`a loopback address`); `undefined` when it may be. */
  judge(text: string): string | undefined {
    if (isIP(text) === 0) return 'not an IP address'
    const address = parse(text)
    if (this.#listed.some(range => contains(range, address))) return undefined
    if (metadata.has(address.toString())) return 'the address of a metadata service'

    const range = isPublic(address) ? 'unicast' : rangeOf(address)
    if (range === 'unicast') return undefined
    if (range === 'loopback' && this.#development()) return undefined
    const words = privateRanges[range]
    if (words === undefined) return otherRanges[range] ?? 'a reserved address'
    return this.#all ? undefined : words
  }

  /**
   * The same for the host of a URL, as far as it can be said without asking anybody: a literal address, or a name that
   * always means this machine. `new URL` has brought every spelling of an address (`127.1`, `0x7f000001`) into one form.
   */
  judgeHost(hostname: string): string | undefined {
    const host = hostname.replace(/^\[(.*)\]$/, '$1')
    if (isIP(host) !== 0) return this.judge(host)
    if (!isLocalName(host)) return undefined
    return this.judge('127.0.0.1') === undefined || this.judge('::1') === undefined
      ? undefined
      : privateRanges.loopback
  }
}

/** A name or literal that means this machine. */
export function isLoopbackHost(hostname: string): boolean {
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  return isIP(host) === 0 ? isLocalName(host) : parse(host).range() === 'loopback'
}

function isLocalName(host: string): boolean {
  return /^(.*\.)?localhost\.?$/i.test(host)
}

function toRanges(list: readonly string[]): Range[] {
  if (!Array.isArray(list)) {
    throw new InvalidOptionsError("allowPrivate must be true, false, or a list such as ['10.0.0.0/8']")
  }
  return list.map(text => {
    try {
      const [address, bits] = ipaddr.parseCIDR(text)
      return [address, bits]
    } catch {
      throw new InvalidOptionsError(
        `allowPrivate holds ${JSON.stringify(text)}, which is not a range: write an address and its bits, such as '10.0.0.0/8' or 'fd12::/16'`,
      )
    }
  })
}

/** The address behind the text: of one inside another (`::ffff:10.0.0.1`, `64:ff9b::10.0.0.1`) the inner one. */
function parse(text: string): Address {
  const address = ipaddr.parse(inHexadecimals(text))
  if (!isV6(address)) return address
  if (address.isIPv4MappedAddress()) return address.toIPv4Address()
  return address.match(nat64) ? new ipaddr.IPv4(address.toByteArray().slice(-4)) : address
}

/** The parser takes `::8.8.8.8` for a mapped address, which it is not. Without dots there is nothing to mistake. */
function inHexadecimals(text: string): string {
  const [address = ''] = text.split('%')
  return isIP(address) === 6 ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address
}

function isPublic(address: Address): boolean {
  return address.range() === 'unicast' && (!isV6(address) || address.match(globalUnicast))
}

function rangeOf(address: Address): string {
  const range = address.range()
  return range === 'unicast' ? 'reserved' : range
}

function contains([base, bits]: Range, address: Address): boolean {
  return base.kind() === address.kind() && address.match(base, bits)
}

function isV6(address: Address): address is ipaddr.IPv6 {
  return address.kind() === 'ipv6'
}
