import { KEY_PREFIX } from './queue.ts'

/** The stream of a job's events: entries have the fields `event` and `data` (JSON). */
export function jobStreamKey(jobId: string): string {
  return `${KEY_PREFIX}:events:${jobId}`
}

/** A job's stream has no more bytes than this in Redis; the oldest entries go first. */
export const JOB_STREAM_BYTES = 1_000_000

/** Channel that tells of any news of any job. */
export const JOB_CHANNEL = `${KEY_PREFIX}:job-news`

/** News of a job: something was added to its stream, it ended, or somebody wants it canceled. */
export type JobNews = 'stream' | 'end' | 'cancel'

export function encodeJobNews(jobId: string, news: JobNews): string {
  return `${jobId} ${news}`
}

export function decodeJobNews(message: string): { jobId: string; news: JobNews } {
  const [jobId = '', news = 'stream'] = message.split(' ')
  return { jobId, news: news as JobNews }
}
