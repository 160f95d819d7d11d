import { z } from 'zod'
import { KEY_PREFIX } from './queue.ts'

/** Digests that a service's image must have, by service: of its index, or of this platform's manifest. */
export const Expect = z.record(z.string().min(1).max(128), z.string().regex(/^sha256:[0-9a-f]{64}$/, 'sha256: and 64 hex digits'))
export type Expect = z.infer<typeof Expect>

/** Hash: service → digest, of all requests that a job serves; the newest counts. Beside the job, since requests that join it add theirs. */
export function expectKey(jobId: string): string {
  return `${KEY_PREFIX}:expect:${jobId}`
}
