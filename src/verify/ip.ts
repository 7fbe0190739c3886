import { type IpAddress, type IpRange, isWithin, parseIpAddress } from '../core/ip-ranges.js'
import { InvalidOptionsError, VerificationError } from '../errors.js'
import type { Verify } from '../model/code.js'
import type { RawRequest } from '../model/received.js'
import { onlyValue, parseElements } from './elements.js'
import { readHeaderValue } from './header-value.js'
import { checkMakerOptions } from './maker-options.js'
import { toHeaderName } from './place.js'
import { peerOf, strangerOf, toAddressList, toProxies } from './proxies.js'

export interface IpOptions {
  /** Whose requests pass: addresses, and ranges as CIDR, of IPv4 and IPv6. */
  ranges: string | readonly string[]
  /** The proxies in front of this server, whose word is believed; `true` believes whoever connects. Default none. */
  proxies?: string | readonly string[] | true
  /** Where a proxy says who connected to it: `x-forwarded-for` (the default), `forwarded`, or one like the first. */
  header?: string
}

/**
 * Requests from the addresses of a sender that says which they are.
 *
 * ```ts
 * server.source('shop', { verify: ip({ ranges: ['203.0.113.0/24', '2001:db8::7'], proxies: ['10.0.0.0/8'] }) })
 * ```
 *
 * Without `proxies` it is the other end of the connection that counts. Where that is one of them, their header is read from
 * the right, past further proxies of the list, up to the first address that is none: what stands left of it anybody could
 * have written. With `true` that is the last address in it; say so only where nobody but a proxy of yours can connect.
 *
 * An address shows little: others may share it, or take it over. Best beside a signature, in `all`.
 *
 * @throws InvalidOptionsError for what is neither an address nor a range; for a `header` without `proxies`, which anybody
 * could write.
 * @see https://www.rfc-editor.org/rfc/rfc7239 for the header `forwarded`
 */
export function ip(options: IpOptions): Verify {
  const what = 'The verifier ip'
  checkMakerOptions(options, ['ranges', 'proxies', 'header'], what)
  const ranges = toAddressList(options.ranges, `${what}: ranges`)
  if (options.proxies === undefined) {
    if (options.header === undefined) {
      return request => {
        const peer = peerOf(request, 'ip')
        return checkPeer(peer, ranges, () => hintOfProxy(peer, request))
      }
    }
    throw new InvalidOptionsError(
      `${what}: header needs proxies, because anybody can write a header: say whose is believed`,
    )
  }
  const proxies = toProxies(options.proxies, `${what}: proxies`)
  const header = toHeaderName(options.header ?? 'x-forwarded-for', `${what}: header`)
  return request => {
    const stranger = strangerOf(request, proxies, 'ip')
    if (stranger !== undefined) {
      return checkPeer(stranger, ranges, () =>
        request.headers.has(header) ? `, nor of proxies, so that its header ${header} is not believed` : '',
      )
    }
    const client = readClient(readHeaderValue(request, header, 'ip'), header, proxies === true ? [] : proxies)
    if (isWithin(client, ranges)) return true
    throw refusal(`it comes from ${client.toString()}, by its header ${header}, which is in none of ranges`)
  }
}

function checkPeer(peer: IpAddress, ranges: readonly IpRange[], toHint: () => string): true {
  if (isWithin(peer, ranges)) return true
  throw refusal(`it comes from ${peer.toString()}, which is in none of ranges${toHint()}`)
}

/** The kinds of addresses, as the parser calls them, that nobody has who calls from the internet. */
const nearby = ['loopback', 'private', 'uniqueLocal', 'linkLocal', 'carrierGradeNat']

/** What anybody could write is believed for a word to the operator, and for no more. */
function hintOfProxy(peer: IpAddress, { headers }: RawRequest): string {
  const header = ['x-forwarded-for', 'forwarded'].find(name => headers.has(name))
  if (header === undefined || !nearby.includes(peer.range())) return ''
  return `; by its header ${header} it seems to be a proxy: name it in proxies`
}

function readClient(value: string, header: string, proxies: readonly IpRange[]): IpAddress {
  for (const entry of toEntries(value, header).reverse()) {
    const address = entry === undefined ? undefined : parseEntry(entry)
    if (address === undefined) throw refusal(`in ${header} stands something that is no address`)
    if (!isWithin(address, proxies)) return address
  }
  throw refusal(`in ${header} stand proxies only`)
}

/** `undefined` where a proxy has said nothing of whom it spoke to, or several things. */
function toEntries(value: string, header: string): (string | undefined)[] {
  if (header !== 'forwarded') return value.split(',').map(entry => entry.trim())
  const elements = parseElements(value)
  if (elements === undefined) throw refusal(`${header} is not written as RFC 7239 has it`)
  return elements.map(element => onlyValue(element, 'for'))
}

/** An address, which some proxies write with the port behind it: `203.0.113.7:4711`, `[2001:db8::7]:4711`. */
function parseEntry(entry: string): IpAddress | undefined {
  return parseIpAddress(entry.replace(/^(?:\[(.+)\]|([\d.]+))(?::\d{1,5})?$/, '$1$2'))
}

function refusal(reason: string): VerificationError {
  return new VerificationError(`ip: ${reason}`)
}
