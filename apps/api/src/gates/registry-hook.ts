import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { parseSignature, signedByAny } from '@deployer/shared/signature'
import type { AppEnv } from '../app-env.ts'
import { createCaller } from '../keys/caller.ts'
import type { RegistryHook } from '../keys/keys-file.ts'
import { Problem } from '../problem.ts'
import type { Credentials } from './authenticate.ts'
import { isSameSecret } from './bearer-token.ts'
import { readBody } from './read-body.ts'

/** Where each sender puts its proof. */
const PROOFS: Record<RegistryHook['from'], (c: Context<AppEnv>) => { signature?: string | undefined; token?: string | undefined }> = {
  github: (c) => ({ signature: c.req.header('X-Hub-Signature-256') }),
  gitea: (c) => ({ signature: c.req.header('X-Forgejo-Signature') ?? c.req.header('X-Gitea-Signature') }),
  gitlab: (c) => ({ token: c.req.header('X-Gitlab-Token') }),
  harbor: (c) => ({ token: c.req.header('Authorization') }),
  distribution: (c) => ({ token: c.req.header('Authorization') }),
  dockerhub: (c) => ({ token: c.req.param('token') }),
  quay: (c) => ({ token: c.req.param('token') }),
}

/**
 * The gates of registries, in the order of all others. One that is not known is answered as one with a wrong proof, and takes as long.
 */
export function createHookGate({ ring, limits, maxBodyBytes: maxBytes, onProof }: Omit<Credentials, 'secrets' | 'tokens' | 'rules'>) {
  return createMiddleware<AppEnv>(async (c, next) => {
    const keep = Object.values(PROOFS).some((proof) => Object.values(proof(c)).some((shown) => shown !== undefined))
    if (!keep) await limits.stranger(c)
    const body = await readBody(c.env.incoming, { maxBytes, keep, onLarge: () => limits.stranger(c) })
    c.set('body', body)
    const hook = ring.current().hooks.find(({ id }) => id === c.req.param('id'))
    if (hook) c.set('hook', hook)
    const isProven = proves(c, hook, body)
    if (!hook || !isProven) {
      await limits.failure(c)
      throw keep
        ? new Problem(
            'signature_invalid',
            'There is no such hook, or its proof does not hold. docs/registry-hooks.md tells what each sender needs.',
          )
        : new Problem('signature_missing', 'A hook proves itself in its own way: docs/registry-hooks.md tells how.')
    }
    onProof(c.env.incoming.socket)
    const caller = createCaller(`hook:${hook.id}`, [{ stacks: ['*'], actions: ['check'] }], () => ring.current().hooks.includes(hook))
    c.set('caller', caller)
    await limits.caller(c, caller.key, '')
    return next()
  })
}

/** Whether what a request shows proves that it is a hook's. Both kinds of proof are compared whatever it shows. */
function proves(c: Context<AppEnv>, hook: RegistryHook | undefined, body: Uint8Array): boolean {
  const { signature, token } = hook ? PROOFS[hook.from](c) : {}
  const secret = hook?.secret ?? 'no hook'
  const parsed = parseSignature(signature ?? '')
  const isSigned = signedByAny([secret], body, parsed ?? Buffer.alloc(32)) && parsed !== null
  // `Authorization` may name a scheme before it.
  const isWhole = isSameSecret(token ?? '', secret)
  const isBehindScheme = isSameSecret((token ?? '').replace(/^[A-Za-z]+ +/, ''), secret)
  const hasToken = token !== undefined && (isWhole || isBehindScheme)
  return hook !== undefined && (isSigned || hasToken)
}
