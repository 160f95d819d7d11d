import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { readSecretFile } from '@deployer/shared/read-secret-file'
import { secretWeakness } from '@deployer/shared/secret-weakness'
import { Action, OWNER } from './caller.ts'

const Stacks = z.array(z.string().min(1).max(128)).min(1, 'names at least one stack')
const Actions = z.array(Action).min(1, 'names at least one action')

const Id = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/, 'an id has letters, digits, "_", "." and "-"')
/** A secret stands in the file itself, or in one that it names. */
const SECRET = { secret: z.string().min(1, 'a secret is not empty').optional(), secret_file: z.string().min(1).optional() }
const hasOneSecret = ({ secret, secret_file }: { secret?: string | undefined; secret_file?: string | undefined }) =>
  (secret === undefined) !== (secret_file === undefined)
const ONE_SECRET = 'has either secret or secret_file'

const Key = z
  .strictObject({
    id: Id.refine((id) => id !== OWNER.key, `"${OWNER.key}" is the name of DEPLOY_SECRET in log and jobs: take another one`),
    ...SECRET,
    stacks: Stacks,
    actions: Actions,
    refs: z.array(z.string().min(1)).min(1, 'names at least one ref').optional(),
    // The YAML parser leaves an unquoted date as text.
    expires: z
      .union([z.iso.datetime({ offset: true }), z.iso.date()], 'a time such as 2027-01-01T00:00:00Z')
      .transform((time) => Date.parse(time))
      .optional(),
  })
  .refine(hasOneSecret, ONE_SECRET)

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

/** Who sends hooks of a registry. */
const HookSender = z.enum(['github', 'gitea', 'harbor', 'distribution', 'dockerhub', 'quay', 'gitlab'])
export type HookSender = z.infer<typeof HookSender>

const Hook = z
  .strictObject({
    id: Id,
    from: HookSender,
    ...SECRET,
    images: z.array(z.string().min(1)).min(1, 'names at least one image').optional(),
  })
  .refine(hasOneSecret, ONE_SECRET)

/** Their secrets stand in the address, where nothing else would come through as it is. */
const IN_ADDRESS = new Set<HookSender>(['dockerhub', 'quay'])
const FIT_FOR_ADDRESS = /^[A-Za-z0-9._~-]+$/

const File = z.strictObject({ keys: z.array(Key).default([]), oidc: z.array(Issuer).default([]), hooks: z.array(Hook).default([]) })

/** A key of the keys file, with its secret. */
export interface ScopedKey extends Pick<z.infer<typeof Key>, 'id' | 'stacks' | 'actions' | 'refs'> {
  secret: string
  /** Milliseconds since the epoch; `undefined`: never. */
  expires: number | undefined
}
/** An issuer of tokens, and what its tokens are good for. */
export type TokenIssuer = z.infer<typeof Issuer>

/** A registry that says when there is something new, with its secret. */
export interface RegistryHook extends Pick<z.infer<typeof Hook>, 'id' | 'from' | 'images'> {
  secret: string
}

/** What a keys file says. */
export interface Keys {
  keys: ScopedKey[]
  issuers: TokenIssuer[]
  hooks: RegistryHook[]
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
  /** What keys and hooks have in common: an id of their own, and a good secret. */
  function withSecrets<T extends z.infer<typeof Key> | z.infer<typeof Hook>>(kind: string, entries: T[]) {
    return entries.map(({ secret, secret_file, ...entry }, index) => {
      if (entries.findIndex(({ id }) => id === entry.id) !== index) throw new Error(`${kind}: the id "${entry.id}" stands there twice`)
      const file = secret_file === undefined ? null : resolve(dirname(path), secret_file)
      if (file) files.push(file)
      const value = file ? readSecretFile(file) : (secret ?? '')
      const weakness = secretWeakness(value)
      if (weakness !== null) throw new Error(`${kind}: the secret of "${entry.id}" ${weakness}. Make one with: openssl rand -hex 32`)
      return { ...entry, secret: value }
    })
  }
  const keys = withSecrets('keys', parsed.data.keys).map(({ expires, ...key }) => ({ ...key, expires }))
  const hooks = withSecrets('hooks', parsed.data.hooks)
  for (const { id, from, secret } of hooks) {
    if (!IN_ADDRESS.has(from) || FIT_FOR_ADDRESS.test(secret)) continue
    throw new Error(
      `hooks: the secret of "${id}" stands in an address, so it has letters, digits, "-", "_", "." and "~". Make one with: openssl rand -hex 32`,
    )
  }
  return { keys, hooks, issuers: parsed.data.oidc, files }
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
