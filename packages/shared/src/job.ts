import { z } from 'zod'
import { JobId } from './names.ts'

export const JobState = z.enum(['queued', 'running', 'succeeded', 'failed', 'canceled'])
export type JobState = z.infer<typeof JobState>

/** The states a job cannot leave by itself. */
export const END_STATES: readonly JobState[] = ['succeeded', 'failed', 'canceled']

export const StepName = z.enum(['status', 'config', 'pull', 'up', 'verify', 'rollback'])
export type StepName = z.infer<typeof StepName>

/** Why a job ended other than in success. The API's one table maps these to HTTP answers. */
export const OutcomeCode = z.enum([
  'not_running',
  'path_mismatch',
  'project_conflict',
  'stack_outside_root',
  'stack_busy',
  'nothing_to_roll_back',
  'canceled',
  'step_failed',
])
export type OutcomeCode = z.infer<typeof OutcomeCode>

/** One step of a deploy, as callers see it. */
export const Step = z.object({
  name: StepName,
  ok: z.boolean(),
  /** `null`: it did not end by itself (time over, canceled), or no process ran. */
  exit_code: z.int().nullable(),
  duration_ms: z.int().nonnegative(),
  /** The last 4,096 characters of both outputs, without terminal escapes and without secrets. */
  tail: z.string(),
})
export type Step = z.infer<typeof Step>

/** A service whose image is another one than before the deploy. */
export const Change = z.object({
  service: z.string(),
  image: z.string(),
  /** Image id; `null` for a service that is new. */
  from: z.string().nullable(),
  to: z.string(),
})
export type Change = z.infer<typeof Change>

/** What a worker has found out about a job so far; kept in Redis, and the source of the job's answer. */
export const RunReport = z.object({
  state: JobState.exclude(['queued']),
  code: OutcomeCode.nullable(),
  message: z.string().nullable(),
  steps: z.array(Step),
  changes: z.array(Change),
  rolled_back: z.boolean(),
  started_at: z.iso.datetime(),
  finished_at: z.iso.datetime().nullable(),
  /** Image id by service as they ran before the first change; set from `up` on. */
  former: z.record(z.string(), z.string()).nullable(),
})
export type RunReport = z.infer<typeof RunReport>

/** The job as callers get it. */
export const Job = z.object({
  job_id: JobId,
  stack: z.string(),
  host: z.string(),
  action: z.enum(['deploy', 'rollback']),
  state: JobState,
  ok: z.boolean().nullable(),
  code: OutcomeCode.nullable(),
  message: z.string().nullable(),
  coalesced: z.boolean(),
  status_url: z.string(),
  steps: z.array(Step),
  changes: z.array(Change),
  rolled_back: z.boolean(),
  queued_at: z.iso.datetime(),
  started_at: z.iso.datetime().nullable(),
  finished_at: z.iso.datetime().nullable(),
})
export type Job = z.infer<typeof Job>
