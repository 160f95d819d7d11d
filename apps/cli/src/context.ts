import { readSecretFile } from '@deployer/shared/read-secret-file'
import { CommandEnd, EXIT } from './exit-codes.ts'

/** Where answers are printed. */
export interface Terminal {
  /** For people: standard output, or standard error when that is kept for JSON. */
  say(line: string): void
  /** Standard output. */
  print(text: string): void
  /** The same in red, where standard output shows colours. */
  printRed(text: string): void
  warn(line: string): void
  /** Whether progress can be drawn. */
  interactive: boolean
}

/** Who asks, and where. */
export interface Connection {
  /** Without a slash at its end. */
  url: string
  credentials: Credentials
}

export type Credentials = { token: string } | { secret: string; keyId: string | undefined }

/**
 * Reads where Deployer is and how to sign from the environment.
 *
 * @throws {CommandEnd} that says which variable to set.
 */
export function readConnection(env: NodeJS.ProcessEnv): Connection {
  const url = env['DEPLOYER_URL'] || `http://127.0.0.1:${env['PORT'] || 8080}`
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw new CommandEnd(EXIT.usage, `DEPLOYER_URL is "${url}", but must be the address of Deployer: https://deploy.example.com`)
  }
  return { url: url.replace(/\/+$/, ''), credentials: readCredentials(env) }
}

/** @throws {CommandEnd} when there is no secret to sign with. */
export function readCredentials(env: NodeJS.ProcessEnv): Credentials {
  if (env['DEPLOYER_TOKEN']) return { token: env['DEPLOYER_TOKEN'] }
  const secret = readSecret(env)
  if (!secret) {
    throw new CommandEnd(
      EXIT.usage,
      'DEPLOY_SECRET is empty. Set it (or DEPLOY_SECRET_FILE) to the secret that Deployer runs with, or DEPLOYER_TOKEN.',
    )
  }
  return { secret, keyId: env['DEPLOYER_KEY_ID'] || undefined }
}

function readSecret(env: NodeJS.ProcessEnv): string | undefined {
  const file = env['DEPLOY_SECRET_FILE']
  if (env['DEPLOY_SECRET'] || !file) return env['DEPLOY_SECRET']
  try {
    return readSecretFile(file)
  } catch (error) {
    throw new CommandEnd(EXIT.usage, `DEPLOY_SECRET_FILE is "${file}", which cannot be read (${(error as NodeJS.ErrnoException).code}).`)
  }
}
