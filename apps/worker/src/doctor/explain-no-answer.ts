import type { Finding } from '@deployer/shared/finding'

/** Whose image it is that no registry told a digest for. */
export interface About {
  registry: string
  /** The folder of a stack that has it, as the host calls it. */
  dir: string
  /** A login was sent along. */
  hasLogin: boolean
}

/** Why there was no answer, as the end of "…, since", and what to do about it. */
export interface Explanation {
  level: Exclude<Finding['level'], 'ok'>
  why: string
  todo: string
}

/** What nobody asked for since the time was over. */
export const NOT_ASKED = 'it was not asked'

/**
 * Explains why a registry has told no digest. Engines pass on what was said to them in words alone, so these are what there is to go by.
 *
 * @param problem As `askRegistries` gives it.
 */
export function explainNoAnswer(problem: string, about: About): Explanation {
  const { registry } = about
  // What is asked for may be called like any of these words.
  const words = problem.replaceAll(/"https?:[^"]*"/g, '').replace(/ for \S+$/, '')
  const says = (pattern: RegExp) => pattern.test(words)
  const mend = (why: string, todo: string): Explanation => ({ level: 'mend', why, todo })
  const pass = (why: string, todo: string): Explanation => ({ level: 'hint', why, todo })
  const away = mend(
    `${registry} cannot be reached`,
    `Does it run? Is the name right, and may this host's engine go there (firewall, proxy, DNS)?`,
  )
  if (says(/dial tcp|no such host/)) return away
  if (problem.startsWith(NOT_ASKED)) return pass('there was no time left to ask', 'Mend what does not answer first, then look again.')
  if (says(/toomanyrequests|too many requests|answered 429|is left alone until/i))
    return pass(
      `${registry} was asked too often, or cannot answer now`,
      'The next check that may ask does. A login of its own often has more to ask for.',
    )
  if (says(/gave HTTP response to HTTPS client/))
    return mend(`${registry} speaks no TLS`, `Give it TLS, or name it under "insecure-registries" in the host's /etc/docker/daemon.json.`)
  if (says(/\bx509: |\btls: /))
    return mend(
      `the engine does not trust the certificate of ${registry}`,
      `Put its CA at /etc/docker/certs.d/${registry}/ca.crt on the host.`,
    )
  if (says(/no basic auth|unauthorized|authentication required|denied|answered 40[13]/i)) return explainLogin(about)
  if (says(/manifest unknown|name unknown|not found|answered 404/i))
    return mend(`${registry} has no such image`, `Mend name and tag in the compose file. If it was built here: x-deployer: { watch: off }.`)
  if (says(/timeout|timed out|does not answer|deadline|EOF|reset by peer|cannot be reached/i)) return away
  return mend(`something goes wrong at ${registry}`, `The registry's own log may say more. The next check asks again.`)
}

function explainLogin({ registry, dir, hasLogin }: About): Explanation {
  const how = `docker --config ${dir}/.docker login ${registry}`
  if (hasLogin)
    return { level: 'mend', why: `${registry} does not take the login, or has no such image for it`, todo: `Log in anew: ${how}` }
  const why = `${registry} has no such image, or wants a login, and none was found`
  return { level: 'mend', why, todo: `Log in: ${how}. If it was built here: x-deployer: { watch: off }.` }
}
