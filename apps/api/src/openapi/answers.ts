import { z } from 'zod'
import { InventoryStack } from '@deployer/shared/inventory'
import { Job, Step, StepName } from '@deployer/shared/job'
import { ReleaseSummary } from '@deployer/shared/releases'
import { Hold, Update } from '@deployer/shared/updates'
import { PROBLEMS, type ProblemCode } from '../problem.ts'

/** The answer of `GET /jobs`. */
export const JobList = z.object({ jobs: z.array(Job) }).meta({ id: 'JobList' })

const LastJob = Job.pick({ job_id: true, state: true, ok: true, finished_at: true, status_url: true }).meta({ id: 'LastJob' })

const HoldAnswer = Hold.meta({ id: 'Hold' })

/** A stack as callers see it. */
const Stack = z
  .object({
    stack: InventoryStack.shape.name,
    host: z.string(),
    online: z.boolean().meta({ description: 'Whether a worker of the host lives.' }),
    services: InventoryStack.shape.services,
    running: InventoryStack.shape.running,
    drifted: z.array(z.string()).meta({
      description:
        "Files of the stack's folder that what runs is not made from as they are now: they have changed since, or somebody has changed by hand what runs. Empty also where that is not known. A plan says what a deploy would change.",
    }),
    last_job: LastJob.nullable(),
    updates: z.array(Update.meta({ id: 'Update' })).meta({ description: 'Newer images, and those of which nothing is known.' }),
    checked_at: z.iso.datetime().nullable().meta({ description: 'When the registries were asked last; null: never.' }),
    hold: HoldAnswer.nullable().meta({ description: 'While it is there, nobody deploys the stack.' }),
  })
  .meta({ id: 'Stack' })

/** The answer of `GET /stacks`. */
export const StackList = z.object({ stacks: z.array(Stack) }).meta({ id: 'StackList' })
export type StackList = z.infer<typeof StackList>

/** The answer of `GET /hosts`. */
export const HostList = z
  .object({
    hosts: z.array(
      z
        .object({
          host: z.string(),
          online: z.boolean().meta({ description: 'Whether a worker of the host lives.' }),
          last_seen: z.iso.datetime().nullable(),
          stacks: z.array(InventoryStack.shape.name),
          version: z.string(),
          engine: z
            .string()
            .nullable()
            .meta({ description: 'The id of its Docker Engine, which is what the host is, whatever it is called.' }),
          clock_ahead_ms: z.int().meta({ description: "How far its clock is ahead of Redis's." }),
        })
        .meta({ id: 'Host' }),
    ),
  })
  .meta({ id: 'HostList' })

/** The answer of `DELETE /hosts/{name}`. */
export const HostForgotten = z.object({ ok: z.literal(true), host: z.string(), jobs_ended: z.int() }).meta({ id: 'HostForgotten' })

/** The answer of `GET /stacks/{stack}/releases`. */
export const ReleaseList = z
  .object({ stack: InventoryStack.shape.name, host: z.string(), releases: z.array(ReleaseSummary.meta({ id: 'Release' })) })
  .meta({ id: 'ReleaseList' })

/** The answers of `PUT` and `DELETE /stacks/{stack}/hold`. */
export const Held = z.object({ stack: InventoryStack.shape.name, host: z.string(), hold: HoldAnswer }).meta({ id: 'Held' })
export const Released = Held.extend({ hold: z.null() }).meta({ id: 'Released' })

/** The answer of `POST /stacks/{stack}/skip`: what is left out. */
export const Skipped = z
  .object({ stack: InventoryStack.shape.name, host: z.string(), service: z.string(), image: z.string(), digest: z.string() })
  .meta({ id: 'Skipped' })

/** The answer of `POST /hooks/{id}` and `POST /hooks/{id}/{token}`. */
export const Matched = z
  .object({ matched: z.array(z.string()).meta({ description: 'The services that are checked now, as `stack/service`.' }) })
  .meta({ id: 'Matched' })
/** The answer of `POST /notify/test`. */
export const NotifyTest = z
  .object({
    ok: z.boolean().meta({ description: 'Whether every channel has taken it.' }),
    channels: z.array(
      z.object({
        channel: z.string().meta({ description: 'The scheme of its URL.' }),
        position: z.int().meta({ description: 'The position of its URL in NOTIFY_URLS, from 1.' }),
        ok: z.boolean(),
        status: z.int().nullable().meta({ description: 'What was answered; null where nothing was.' }),
        answer: z.string(),
      }),
    ),
  })
  .meta({ id: 'NotifyTest' })
export type NotifyTest = z.infer<typeof NotifyTest>

/** The answer of `GET /health`. */
export const Health = z.object({ ok: z.literal(true) }).meta({ id: 'Health' })

/** The answer of `GET /ready`. */
export const Ready = z.object({ ok: z.boolean(), missing: z.array(z.enum(['redis', 'worker'])) }).meta({ id: 'Ready' })
export type Ready = z.infer<typeof Ready>

/** Problem details (RFC 9457). */
export const ProblemDetails = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().meta({ description: 'What to do about it.' }),
    ok: z.literal(false),
    code: z.enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]).meta({ description: 'Stable.' }),
  })
  .meta({ id: 'Problem', description: 'Problem details (RFC 9457).' })

/** A job that ended other than in success, to a caller that waited: problem details and the job in one. */
export const EndedBadly = ProblemDetails.extend(Job.omit({ ok: true, code: true }).shape).meta({ id: 'EndedBadly' })

/** What a code host is told of an event that means nothing new. */
export const Ignored = z.object({ ok: z.literal(true), ignored: z.string() }).meta({ id: 'Ignored' })
export type Ignored = z.infer<typeof Ignored>

const event = <Name extends string, Data extends z.ZodType>(name: Name, data: Data) =>
  z.object({ event: z.literal(name), id: z.string().optional(), data })

/** One event of `GET /jobs/{id}/events`, its data parsed. */
export const JobEvent = z
  .discriminatedUnion('event', [
    event('state', z.object({ state: Job.shape.state })),
    event('step', z.union([z.object({ name: StepName, state: z.literal('running') }), Step.extend({ state: z.literal('ended') })])),
    event('log', z.object({ step: StepName, line: z.string() })),
    event('gap', z.object({ from: z.string().nullable(), to: z.string().nullable() })).meta({
      description: 'What followed `from` is no longer kept, up to `to`; null: the whole log is gone.',
    }),
    event('done', Job.nullable().meta({ description: 'The job at its end; null when it is no longer kept.' })),
  ])
  .meta({
    id: 'JobEvent',
    description:
      'One event of the stream, its `data` parsed. The first tells the state and has no `id`; the others have one, with which `Last-Event-ID` resumes. `done` is the last.',
  })

/** The schema of the job, under its name. */
export const JobAnswer = Job.meta({ id: 'Job' })
