import { z } from 'zod'
import { JobId } from './names.ts'

export const JobState = z.enum(['queued', 'running', 'succeeded', 'failed', 'canceled'])
export type JobState = z.infer<typeof JobState>

/** The states a job cannot leave by itself. */
export const END_STATES: readonly JobState[] = ['succeeded', 'failed', 'canceled']

export const StepName = z.enum(['status', 'config', 'check', 'pull', 'build', 'plan', 'up', 'verify', 'rollback'])
export type StepName = z.infer<typeof StepName>

/** Why a job ended other than in success. The API's one table maps these to HTTP answers. */
export const OutcomeCode = z.enum([
  'not_running',
  'path_mismatch',
  'project_conflict',
  'stack_outside_root',
  'files_mismatch',
  'variable_unset',
  'disk_full',
  'held',
  'no_data_volume',
  'wrong_image',
  'release_not_found',
  'stack_busy',
  'nothing_to_roll_back',
  'canceled',
  'step_failed',
  'rollback_failed',
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

/** Why a service is not left as it is. */
export const ChangeReason = z.enum(['image', 'definition', 'missing', 'stopped'])
export type ChangeReason = z.infer<typeof ChangeReason>

/** A service whose containers were made anew or removed. */
export const Change = z.object({
  service: z.string(),
  /** The name in the compose file. */
  image: z.string(),
  /** `null`: the compose file has the service no more, or a worker of an earlier release has not said it. */
  why: ChangeReason.nullable().default(null),
  /** Image id; `null` for a service that is new. */
  from: z.string().nullable(),
  /** Image id; `null` for a service that was removed. */
  to: z.string().nullable(),
  /** What the registry calls the images; `null` for those that were built here. */
  from_digest: z.string().nullable().default(null),
  to_digest: z.string().nullable().default(null),
  /** What the images themselves say: `org.opencontainers.image.version` of both, */
  from_version: z.string().nullable().default(null),
  to_version: z.string().nullable().default(null),
  /** and `org.opencontainers.image.source` of the one that runs now: where to read what is new. */
  source: z.string().nullable().default(null),
})
export type Change = z.infer<typeof Change>

/** What a deploy would do with one service. */
export const PlannedService = z.object({
  service: z.string(),
  image: z.string(),
  action: z.enum(['create', 'recreate', 'start', 'remove', 'keep']),
  why: ChangeReason.nullable(),
  /** Digest of the image that runs, or its id where it has none; `null` for a service that is new. */
  from: z.string().nullable(),
  /** The same of the image that would run; `null` where the service would be removed, or its registry gave no answer. */
  to: z.string().nullable(),
})
export type PlannedService = z.infer<typeof PlannedService>

/** What a worker has found out about a job so far; kept in Redis, and the source of the job's answer. */
export const RunReport = z.object({
  state: JobState.exclude(['queued']),
  code: OutcomeCode.nullable(),
  message: z.string().nullable(),
  steps: z.array(Step),
  changes: z.array(Change),
  rolled_back: z.boolean(),
  /** Of a deploy that failed: services that run as before again, and what was to come instead. */
  taken_back: z.array(Change).default([]),
  /** The number of the release that runs at the end; `null` where none is known. */
  release: z.int().nullable().default(null),
  /** The digests that callers expected, by service. */
  expect: z.record(z.string(), z.string()).default({}),
  /** Services that the job did not touch and that were broken before. */
  degraded: z.array(z.string()).default([]),
  /** Of a job that plans: what a deploy would do, */
  plan: z.array(PlannedService).nullable().default(null),
  /** and the refusal that it would meet. */
  refusal: z.object({ code: OutcomeCode, message: z.string() }).nullable().default(null),
  started_at: z.iso.datetime(),
  finished_at: z.iso.datetime().nullable(),
})
export type RunReport = z.infer<typeof RunReport>

/** What is known of a job that has just begun. @param started_at RFC 3339. */
export function emptyReport(started_at: string): RunReport {
  return {
    state: 'running',
    code: null,
    message: null,
    steps: [],
    changes: [],
    rolled_back: false,
    taken_back: [],
    release: null,
    expect: {},
    degraded: [],
    plan: null,
    refusal: null,
    started_at,
    finished_at: null,
  }
}

/** What a job does. */
export const JobAction = z.enum(['deploy', 'rollback', 'plan', 'check'])
export type JobAction = z.infer<typeof JobAction>

/** Where the wish for a job came from. */
export const JobSource = z.enum(['request', 'watch', 'hook', 'git', 'retry'])
export type JobSource = z.infer<typeof JobSource>

/** The job as callers get it. */
export const Job = RunReport.omit({ state: true, started_at: true }).extend({
  job_id: JobId,
  stack: z.string(),
  host: z.string(),
  action: JobAction,
  /** Of a rollback: the number of the release to go to; `null`: the verified one before what runs. */
  to: z.int().nullable(),
  state: JobState,
  ok: z.boolean().nullable(),
  coalesced: z.boolean(),
  status_url: z.string(),
  source: JobSource,
  /** Who asked first: the id of the key that signed. */
  by: z.string(),
  queued_at: z.iso.datetime(),
  started_at: z.iso.datetime().nullable(),
})
export type Job = z.infer<typeof Job>
