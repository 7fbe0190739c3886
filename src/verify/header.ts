import type { Verify } from '../model/code.js'
import { readHeaderValue } from './header-value.js'
import { checkMakerOptions } from './maker-options.js'
import { toHeaderName } from './place.js'
import type { SecretOptions } from './provider.js'
import { checkSecret, checkSendable, toSharedSecrets } from './shared-secret.js'

export interface HeaderOptions extends SecretOptions {
  /** The header that holds the secret, and nothing else: `x-gitlab-token`, `x-telegram-bot-api-secret-token`. */
  name: string
}

/**
 * A secret that the sender was given, in a header of its own: GitLab's `X-Gitlab-Token`, Telegram's
 * `X-Telegram-Bot-Api-Secret-Token`.
 *
 * ```ts
 * server.source('gitlab', {
 *   verify: header({ name: 'x-gitlab-token', secret: process.env.GITLAB_TOKEN ?? '' }),
 * })
 * ```
 *
 * It shows who sends, and nothing of what: whoever sees one request can make others. Where the sender can sign, let it sign.
 *
 * @throws InvalidOptionsError for a secret that is empty, or that no header can hold.
 * @see https://docs.gitlab.com/user/project/integrations/webhooks/
 * @see https://core.telegram.org/bots/api#setwebhook
 */
export function header(options: HeaderOptions): Verify {
  const what = 'The verifier header'
  checkMakerOptions(options, ['name', 'secret', 'retired'], what)
  const name = toHeaderName(options.name, `${what}: name`)
  const secrets = toSharedSecrets(
    { secret: options.secret, retired: options.retired },
    { secret: `${what}: secret`, retired: `${what}: retired` },
    checkSendable,
  )
  return request => {
    checkSecret(readHeaderValue(request, name, 'header'), secrets, {
      name: 'header',
      what: `secret in ${name}`,
    })
    return true
  }
}
