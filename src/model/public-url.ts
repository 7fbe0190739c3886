import { InvalidOptionsError } from '../errors.js'

// How the world reaches a server, and each of its receivers.

/**
 * A public URL, checked and without a slash at its end.
 *
 * @throws InvalidOptionsError unless it is an absolute http or https URL without credentials, query or fragment.
 */
export function checkPublicUrl(url: string): string {
  const parsed = typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined
  if (
    parsed === undefined ||
    !/^https?:$/.test(parsed.protocol) ||
    `${parsed.username}${parsed.password}${parsed.search}${parsed.hash}` !== ''
  ) {
    throw new InvalidOptionsError(
      `publicUrl must be an absolute http(s) URL such as 'https://hooks.example.com', without credentials, query or fragment; got ${originLike(url)}`,
    )
  }
  return parsed.href.replace(/\/+$/, '')
}

/** Asked for each request and each URL, and checked anew only where it says something else than the last time. */
export function checkedPublicUrl(ask: () => string): () => string {
  let last: { readonly said: string; readonly url: string } | undefined
  return () => {
    const said = ask()
    if (last?.said !== said) last = { said, url: checkPublicUrl(said) }
    return last.url
  }
}

/** As much of it as is no secret, whatever it is. */
function originLike(url: unknown): string {
  if (typeof url !== 'string') return url === null ? 'null' : `a value of type ${typeof url}`
  const origin = /^([a-z][a-z\d+.-]*:\/\/)?[\w.-]+(:\d+)?(?=[/?#]|$)/i.exec(url)?.[0]
  return origin === undefined || url.includes('@')
    ? 'something else'
    : `'${origin}${origin === url ? '' : '…'}'`
}

/**
 * How the world reaches a receiver.
 *
 * @throws InvalidOptionsError when `publicUrl` is a function, and what it returns is no URL.
 */
export function toReceiverUrl(
  { publicUrl, prefix }: { readonly publicUrl: () => string; readonly prefix: string },
  token: string,
): string {
  return `${publicUrl()}${prefix}/${token}`
}
