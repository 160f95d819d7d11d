import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { readSecretFile } from '@deployer/shared/read-secret-file'
import { secretWeakness } from '@deployer/shared/secret-weakness'
import { Action, OWNER } from './caller.ts'

const Stacks = z.array(z.string().min(1).max(128)).min(1, 'names at least one stack')
const Actions = z.array(Action).min(1, 'names at least one action')

const Key = z
  .strictObject({
    id: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/, 'an id has letters, digits, "_", "." and "-"')
      .refine((id) => id !== OWNER.key, `"${OWNER.key}" is the name of DEPLOY_SECRET in log and jobs: take another one`),
    secret: z.string().min(1, 'a secret is not empty').optional(),
    secret_file: z.string().min(1).optional(),
    stacks: Stacks,
    actions: Actions,
    refs: z.array(z.string().min(1)).min(1, 'names at least one ref').optional(),
    // The YAML parser leaves an unquoted date as text.
    expires: z
      .union([z.iso.datetime({ offset: true }), z.iso.date()], 'a time such as 2027-01-01T00:00:00Z')
      .transform((time) => Date.parse(time))
      .optional(),
  })
  .refine(({ secret, secret_file }) => (secret === undefined) !== (secret_file === undefined), 'has either secret or secret_file')

const Rule = z.strictObject({
  claims: z.record(z.string(), z.string()).refine((claims) => Object.keys(claims).length > 0, 'names at least one claim'),
  stacks: Stacks,
  actions: Actions,
})

const Issuer = z.strictObject({
  issuer: z.url({ protocol: /^https?$/, error: 'an issuer is an address' }),
  audience: z.string().min(1),
  jwks_uri: z.url({ protocol: /^https?$/, error: 'jwks_uri is an address' }).optional(),
  rules: z.array(Rule).min(1, 'has at least one rule'),
})

const File = z.strictObject({ keys: z.array(Key).default([]), oidc: z.array(Issuer).default([]) })

/** A key of the keys file, with its secret. */
export interface ScopedKey extends Pick<z.infer<typeof Key>, 'id' | 'stacks' | 'actions' | 'refs'> {
  secret: string
  /** Milliseconds since the epoch; `undefined`: never. */
  expires: number | undefined
}
/** An issuer of tokens, and what its tokens are good for. */
export type TokenIssuer = z.infer<typeof Issuer>

/** What a keys file says. */
export interface Keys {
  keys: ScopedKey[]
  issuers: TokenIssuer[]
  /** Every file that it was made from, itself first. */
  files: string[]
}

/**
 * Reads a keys file and the secret files that it names (relative to its own folder).
 *
 * @throws {Error} that says what is wrong and where, without a secret.
 */
export function readKeysFile(path: string): Keys {
  const parsed = File.safeParse(parseYaml(readFileSync(path, 'utf8')))
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new Error(`${issue?.path.join('.') || 'the file'}: ${issue?.message}`)
  }
  const files = [path]
  const keys = parsed.data.keys.map(({ secret, secret_file, expires, ...key }, index) => {
    if (parsed.data.keys.findIndex(({ id }) => id === key.id) !== index) throw new Error(`keys: the id "${key.id}" stands there twice`)
    const file = secret_file === undefined ? null : resolve(dirname(path), secret_file)
    if (file) files.push(file)
    const value = file ? readSecretFile(file) : (secret ?? '')
    const weakness = secretWeakness(value)
    if (weakness !== null) throw new Error(`keys: the secret of "${key.id}" ${weakness}. Make one with: openssl rand -hex 32`)
    return { ...key, secret: value, expires }
  })
  return { keys, issuers: parsed.data.oidc, files }
}

/** The parser's own message would quote the line, secrets included. */
function parseYaml(text: string): unknown {
  try {
    return parse(text) ?? {}
  } catch (error) {
    const { code, linePos } = error as { code?: string; linePos?: [{ line: number }] }
    throw new Error(`line ${linePos?.[0].line ?? '?'}: not YAML (${code ?? 'unreadable'})`) // oxlint-disable-line preserve-caught-error
  }
}
