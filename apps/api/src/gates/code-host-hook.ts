import type { Context } from 'hono'
import type { AppEnv } from '../app-env.ts'

/** How a code host proves that a hook is its own: it cannot send headers of ours, nor a timestamp. */
export interface HookProof {
  /** The hex HMAC-SHA-256 of the body: GitHub, Gitea, Forgejo. */
  signature?: string
  /** The secret itself: GitLab. */
  token?: string
  /** Whether any plain signature would do in its place: then it is one. */
  isPlain: boolean
}

/**
 * Forgejo and Gitea send GitHub's header too.
 *
 * @returns `null` where there is none.
 */
export function hookProof(c: Context<AppEnv>): HookProof | null {
  const token = c.req.header('X-Gitlab-Token')
  if (token !== undefined) return { token, isPlain: false }
  const own = c.req.header('X-Forgejo-Signature') ?? c.req.header('X-Gitea-Signature')
  const github = c.req.header('X-Hub-Signature-256')
  if (own === undefined && github === undefined) return null
  return {
    signature: own ?? github ?? '',
    isPlain: own === undefined && c.req.method === 'POST' && hookEvent(c) === null,
  }
}

/** The name of the event that a hook is about, as its sender writes it; `null` where there is none. */
export function hookEvent(c: Context<AppEnv>): string | null {
  const headers = ['X-Forgejo-Event', 'X-Gitea-Event', 'X-Gitlab-Event', 'X-GitHub-Event']
  return headers.map((name) => c.req.header(name)).find((value) => value !== undefined) ?? null
}
