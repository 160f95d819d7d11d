import type { Finding } from '@deployer/shared/finding'
import { isSampleSecret } from '@deployer/shared/sample-secret'
import { readSecretFile } from '@deployer/shared/read-secret-file'

/** Characters below which a secret can be guessed from one request that was seen, and below which it is not as good as it could be. */
const WEAK = 12
const SHORT = 24
const HOW = 'Make one with: openssl rand -hex 32'

/** Looks at the strength of the shared secret. In a worker's container there is none, which is as it should be. */
export function checkSecret(env: NodeJS.ProcessEnv, say: (finding: Finding) => void): void {
  const secret = readSecret(env)
  if (secret === undefined) {
    say({
      level: 'hint',
      what: 'DEPLOY_SECRET is not set here, so its strength was not looked at',
      todo: 'The API needs it (or DEPLOY_KEYS_FILE); a worker does not.',
    })
  } else if (isSampleSecret(secret) || !secret.trim()) {
    say({ level: 'mend', what: 'DEPLOY_SECRET is empty or a sample from the documentation', todo: HOW })
  } else if (secret.length < WEAK || new Set(secret).size < 6) {
    say({ level: 'mend', what: `DEPLOY_SECRET is weak: ${secret.length} characters, ${new Set(secret).size} different ones`, todo: HOW })
  } else if (secret.length < SHORT) {
    say({ level: 'hint', what: `DEPLOY_SECRET has ${secret.length} characters; more are better`, todo: HOW })
  } else say({ level: 'ok', what: 'DEPLOY_SECRET is long enough', todo: '' })
}

function readSecret(env: NodeJS.ProcessEnv): string | undefined {
  const file = env['DEPLOY_SECRET_FILE']
  if (env['DEPLOY_SECRET'] !== undefined || !file) return env['DEPLOY_SECRET']
  try {
    return readSecretFile(file)
  } catch {
    return ''
  }
}
