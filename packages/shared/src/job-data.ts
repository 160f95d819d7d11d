import { z } from 'zod'
import { JobAction, JobSource } from './job.ts'
import { HostName, StackName } from './names.ts'
import { KEY_PREFIX } from './queue.ts'

/**
 * What a job carries through Redis. Deliberately no more than what every request for the same stack shares:
 * requests that coalesce into a waiting job are not in its data, so nothing may depend on who came first.
 */
export const JobData = z.strictObject({
  stack: StackName,
  host: HostName,
  action: JobAction,
  /** Of a rollback: the release to go to. Requests for other releases do not coalesce with it. */
  to: z.int().positive().optional(),
  /**
   * Of a deploy that watching asks for: the services that may be updated, with the digest that each is to get. No other is pulled. Of a check that a
   * hook asks for: the services that it is about, with their images. No other registry is asked. A request that joins such a job while it waits makes
   * it a whole one: see `wholeKey`.
   */
  only: z.record(z.string(), z.string()).optional(),
  /** Of a deploy that watching asks for: the digests of what each of those services ran when that was decided. What runs something else by then is left alone. */
  replaces: z.record(z.string(), z.array(z.string())).optional(),
  source: JobSource.default('request'),
  /** Who asked first, for dashboard and history: the id of the key that signed. A request that joins what watching has asked for comes before that. */
  caller: z.string().max(256),
})
export type JobData = z.infer<typeof JobData>

/** What is stored of it: a plain request without what the release before does not know, whose workers refuse what they cannot read. */
export function storedJobData({ source, ...data }: JobData): z.input<typeof JobData> {
  return source === 'request' ? data : { ...data, source }
}

/** Who asks for a job, and how. */
export const Asker = JobData.pick({ source: true, caller: true, only: true })
export type Asker = z.infer<typeof Asker>

/** JSON of the first request's {@link Asker}, there while a waiting job with `only` is to be more than that, since a request has joined it. With `only`: it is about those. */
export function wholeKey(jobId: string): string {
  return `${KEY_PREFIX}:whole:${jobId}`
}
