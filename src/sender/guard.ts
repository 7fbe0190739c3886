import {
  type IpAddress,
  type IpRange,
  isV6,
  isWithin,
  parseIpAddress,
  parseIpRange,
} from '../core/ip-ranges.js'
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

/** Where cloud providers hand out a machine's credentials. */
const metadata = toRanges([
  '169.254.169.254/32',
  '169.254.170.2/32',
  '169.254.170.23/32',
  '100.100.100.200/32',
  '168.63.129.16/32',
  '192.0.0.192/32',
  'fd00:ec2::254/128',
  'fd00:ec2::23/128',
  'fd20:ce::254/128',
])

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

const globalUnicast = toRanges(['2000::/3'])
const nat64 = toRanges(['64:ff9b::/96'])

export class Guard {
  readonly #all: boolean
  readonly #listed: readonly IpRange[]
  readonly #development: () => boolean

  /** @throws InvalidOptionsError when `allowPrivate` lists something that is not a range. */
  constructor({ allowPrivate, development }: GuardOptions) {
    this.#all = allowPrivate === true
    this.#listed = typeof allowPrivate === 'boolean' ? [] : toRanges(allowPrivate)
    this.#development = development
  }

  /** Why nothing is sent to this IP address, in words (`a loopback address`); `undefined` when it may be. */
  judge(text: string): string | undefined {
    const address = parse(text)
    if (address === undefined) return 'not an IP address'
    if (isWithin(address, this.#listed)) return undefined
    if (isWithin(address, metadata)) return 'the address of a metadata service'

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
    if (parse(host) !== undefined) return this.judge(host)
    if (!isLocalName(host)) return undefined
    return this.judge('127.0.0.1') === undefined || this.judge('::1') === undefined
      ? undefined
      : privateRanges.loopback
  }
}

/** A name or literal that means this machine. */
export function isLoopbackHost(hostname: string): boolean {
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  const address = parse(host)
  return address === undefined ? isLocalName(host) : address.range() === 'loopback'
}

function isLocalName(host: string): boolean {
  return /^(.*\.)?localhost\.?$/i.test(host)
}

function toRanges(list: readonly string[]): readonly IpRange[] {
  if (!Array.isArray(list)) {
    throw new InvalidOptionsError("allowPrivate must be true, false, or a list such as ['10.0.0.0/8']")
  }
  return list.map(text => {
    const range = parseIpRange(text)
    if (range !== undefined) return range
    throw new InvalidOptionsError(
      `allowPrivate holds ${JSON.stringify(text)}, which is not a range: write an address and its bits, such as '10.0.0.0/8' or 'fd12::/16'`,
    )
  })
}

/** Of an address that a NAT64 makes into another one (`64:ff9b::10.0.0.1`) that other one. */
function parse(text: string): IpAddress | undefined {
  const address = parseIpAddress(text)
  if (address === undefined || !isWithin(address, nat64)) return address
  return parseIpAddress(address.toByteArray().slice(-4).join('.'))
}

function isPublic(address: IpAddress): boolean {
  return address.range() === 'unicast' && (!isV6(address) || isWithin(address, globalUnicast))
}

function rangeOf(address: IpAddress): string {
  const range = address.range()
  return range === 'unicast' ? 'reserved' : range
}
