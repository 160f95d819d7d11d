import { z } from 'zod'
import { KEY_PREFIX } from './queue.ts'

/**
 * Hash: queue name (`stack@host`) → the kept releases of that stack as JSON, the newest first. Written by the host's workers: numbers,
 * times, services, images and digests; definitions stay on the host.
 */
export const RELEASES_KEY = `${KEY_PREFIX}:releases`

/** A release as it is told. */
export const ReleaseSummary = z.object({
  number: z.int().positive(),
  at: z.iso.datetime(),
  /** The job that made it; `null` for what ran before the first deploy. */
  job_id: z.string().nullable(),
  /** The id of the key that asked for that job. */
  by: z.string().nullable(),
  /** Whether it is what runs. */
  current: z.boolean(),
  /** Whether it was seen to run and to be healthy. */
  verified: z.boolean(),
  /** `version` is what the image says of itself: its label `org.opencontainers.image.version`. */
  services: z.record(z.string(), z.object({ image: z.string(), digest: z.string().nullable(), version: z.string().nullish() })),
  /** Where its definition differs from that of the kept release before it: `web: environment.LEVEL`. Names alone, since values may be secret. */
  definition: z.array(z.string()).nullish(),
})
export type ReleaseSummary = z.infer<typeof ReleaseSummary>
