import { generate } from 'selfsigned'

/** A certificate and its key, in PEM. */
export interface Identity {
  readonly cert: string
  readonly key: string
}

/** An authority of this test's own, and what it has issued. */
export interface Authority {
  /** Its certificate: who trusts it trusts what it has issued. */
  readonly ca: string
  /** For a server at 127.0.0.1, or for a client of that name. */
  issue(name: string): Promise<Identity>
}

const ec = { keyType: 'ec', algorithm: 'sha256' } as const

export async function createAuthority(name: string): Promise<Authority> {
  const extensions = [
    { name: 'basicConstraints', cA: true, critical: true } as const,
    { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true } as const,
  ]
  const own = await generate([{ name: 'commonName', value: name }], { ...ec, extensions })
  return {
    ca: own.cert,
    async issue(subject) {
      const issued = await generate([{ name: 'commonName', value: subject }], {
        ...ec,
        ca: { key: own.private, cert: own.cert },
        extensions: [
          { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
          { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
        ],
      })
      return { cert: issued.cert, key: issued.private }
    },
  }
}
