import { EventSourceParserStream } from 'eventsource-parser/stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { Job, StepName } from '@deployer/shared/job'
import type { ApiClient } from './api-client.ts'
import { CommandEnd, EXIT } from './exit-codes.ts'

/** What can be heard of a job while it runs. */
export interface JobListener {
  state?(state: string): void
  stepBegins?(name: StepName): void
  stepEnds?(step: { name: StepName; ok: boolean; duration_ms: number; tail: string }): void
  log?(step: StepName, line: string): void
  /** A part of the log is no longer kept. */
  gap?(): void
}

/** Milliseconds before a lost connection is made again. */
const RETRY = 1000

/**
 * Follows a job to its end. A connection that is lost is made again, from where it was.
 *
 * @param signal Aborted when the time is over.
 * @returns The job as it is at its end, or `null` when the time was over first.
 * @throws {CommandEnd} when the job cannot be read.
 */
export async function followJob(api: ApiClient, jobId: string, listener: JobListener, signal: AbortSignal): Promise<Job | null> {
  let lastEventId: string | null = null
  while (!signal.aborted) {
    try {
      const stream = await api.stream(`/jobs/${jobId}/events`, lastEventId, signal)
      for await (const { event, data, id } of stream.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream())) {
        if (id) lastEventId = id
        const fields = JSON.parse(data) as Record<string, never>
        if (event === 'done') {
          if (fields === null) throw new CommandEnd(EXIT.refused, 'The job is no longer kept.')
          return fields as unknown as Job
        }
        tell(listener, event ?? '', fields)
      }
    } catch (error) {
      if (signal.aborted) return null
      if (!api.isAway(error)) throw error
    }
    await delay(RETRY, undefined, { signal }).catch(() => undefined)
  }
  return null
}

function tell(listener: JobListener, event: string, fields: Record<string, never>): void {
  if (event === 'state') listener.state?.(fields['state'] as unknown as string)
  if (event === 'gap') listener.gap?.()
  if (event === 'log') listener.log?.(fields['step'] as unknown as StepName, fields['line'] as unknown as string)
  if (event !== 'step') return
  if (fields['state'] === 'running') listener.stepBegins?.(fields['name'] as unknown as StepName)
  else listener.stepEnds?.(fields as unknown as Parameters<NonNullable<JobListener['stepEnds']>>[0])
}
