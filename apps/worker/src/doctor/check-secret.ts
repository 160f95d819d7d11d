import type { Finding } from '@deployer/shared/finding'
import { secretWeakness } from '@deployer/shared/secret-weakness'
import { readSecretFile } from '@deployer/shared/read-secret-file'

/** Characters below which a secret is not as good as it could be, and different ones below which it is none. */
const SHORT = 24
const FEWEST_DIFFERENT = 6
const HOW = 'Make one with: openssl rand -hex 32'

/** Looks at the strength of the shared secret. In a worker's container there is none, which is as it should be. */
export function checkSecret(env: NodeJS.ProcessEnv, say: (finding: Finding) => void): void {
  const secret = readSecret(env, 'DEPLOY_SECRET')
  if (secret === undefined) {
    say({
      level: 'hint',
      what: 'DEPLOY_SECRET is not set here, so its strength was not looked at',
      todo: 'The API needs it (or DEPLOY_KEYS_FILE), and does not start with a weak one; a worker does not need it.',
    })
    return
  }
  const weakness = secretWeakness(secret)
  if (weakness !== null) say({ level: 'mend', what: `DEPLOY_SECRET ${weakness}`, todo: HOW })
  else if (new Set(secret).size < FEWEST_DIFFERENT) {
    say({ level: 'mend', what: `DEPLOY_SECRET has ${new Set(secret).size} different characters`, todo: HOW })
  } else if (secret.length < SHORT) {
    say({ level: 'hint', what: `DEPLOY_SECRET has ${secret.length} characters; more are better`, todo: HOW })
  } else say({ level: 'ok', what: 'DEPLOY_SECRET is long enough', todo: '' })
}

/**
 * Looks at what opens dashboard and metrics, where it is set here. No length is demanded of either, so it is told and no more: guesses are counted,
 * and shut out or slowed, but 30 in ten minutes are 4,000 a day.
 */
export function checkPasswords(env: NodeJS.ProcessEnv, say: (finding: Finding) => void): void {
  for (const name of ['DASHBOARD_PASSWORD', 'METRICS_TOKEN'] as const) {
    const secret = readSecret(env, name)
    if (!secret) continue
    const weakness = secretWeakness(secret)?.replace(/, but must have.*/, '; 16 or more are better')
    if (weakness !== undefined) say({ level: 'hint', what: `${name} ${weakness}`, todo: HOW })
  }
}

function readSecret(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const value = env[name]
  const file = env[`${name}_FILE`]
  // Empty counts as not set beside a file, as it does for the API.
  if (value || !file) return value
  try {
    return readSecretFile(file)
  } catch {
    return ''
  }
}
