import { z } from 'zod'
import { matchesGlob } from '../keys/glob.ts'

/** What the events that count say, at GitHub, Gitea, Forgejo and GitLab; whatever else they say is not looked at. */
const Payload = z.looseObject({
  ref: z.string().optional().catch(undefined),
  deleted: z.boolean().optional().catch(undefined),
  action: z.string().optional().catch(undefined),
  workflow_run: z.looseObject({ conclusion: z.string().nullish() }).optional().catch(undefined),
  object_attributes: z.looseObject({ status: z.string().optional() }).optional().catch(undefined),
})

/** Actions after which a release or a package is no newer than before. */
const NOTHING_NEW = new Set(['deleted', 'delete', 'unpublished', 'edited'])

/**
 * Whether an event of a code host means that there is something new to deploy.
 *
 * @param event As its sender writes it: `push`, `Push Hook`.
 * @param refs Globs that a push has to fit; `undefined`: any.
 */
export function isWorthADeploy(event: string, payload: unknown, refs: string[] | undefined): boolean {
  const { ref, deleted, action, workflow_run: run, object_attributes: pipeline } = Payload.parse(payload)
  switch (event) {
    case 'push':
    case 'Push Hook':
    case 'Tag Push Hook':
      return deleted !== true && (refs === undefined || refs.some((glob) => ref !== undefined && matchesGlob(glob, ref)))
    case 'release':
    case 'registry_package':
    case 'package':
    case 'Release Hook':
      return !NOTHING_NEW.has(action ?? '')
    case 'workflow_run':
      return action === 'completed' && run?.conclusion === 'success'
    case 'Pipeline Hook':
      return pipeline?.status === 'success'
    default:
      return false
  }
}
