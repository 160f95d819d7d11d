import { z } from 'zod'
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiResponsesObject } from 'zod-openapi'
import type { Job } from '@deployer/shared/job'
import { HostName, JobId, StackName } from '@deployer/shared/names'
import { PROBLEMS, type ProblemCode } from '../problem.ts'
import { DeployBody, DeployQuery } from '../routes/deploy.ts'
import { ListQuery } from '../routes/jobs.ts'
import { HostQuery, PlanBody, RollbackBody } from '../routes/stacks.ts'
import { WaitQuery } from '../routes/wait-query.ts'
import {
  EndedBadly,
  Health,
  HostForgotten,
  HostList,
  JobAnswer,
  JobList,
  ProblemDetails,
  Ready,
  ReleaseList,
  StackList,
} from './answers.ts'
import {
  deployedExample,
  deployExample,
  plannedExample,
  queuedExample,
  releasesExample,
  rollbackExample,
  rolledBackExample,
} from './examples.ts'

const json = (schema: z.ZodType, example?: unknown) => ({ 'application/json': { schema, ...(example === undefined ? {} : { example }) } })
const stackPath = z.object({ stack: StackName.meta({ description: 'The name of the stack: that of its folder.' }) })
const jobPath = z.object({ id: JobId.meta({ description: "The job's id." }) })
const idempotency = z.object({
  'Idempotency-Key': z
    .string()
    .min(1)
    .max(255)
    .optional()
    .meta({ description: 'The same key within 24 hours gets the job that the first one got.' }),
})

/** Answers of every operation behind the gates. */
const GATES: ProblemCode[] = ['signature_invalid', 'rate_limited', 'queue_unavailable']
const STARTING: ProblemCode[] = [...GATES, 'invalid_json', 'forbidden', 'stack_not_found', 'body_too_large', 'invalid_request']

/** Problems as answers, those with the same status together. */
function problems(codes: ProblemCode[]): ZodOpenApiResponsesObject {
  const byStatus = new Map<number, string[]>()
  for (const code of codes) {
    const [status, title] = PROBLEMS[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), title])
  }
  return Object.fromEntries(
    [...byStatus].map(([status, titles]) => [
      String(status),
      { description: titles.join('; '), content: { 'application/problem+json': { schema: ProblemDetails } } },
    ]),
  )
}

const accepted = (example: Job) => ({
  description: 'Accepted: the job will end, whatever process dies.',
  content: json(JobAnswer, example),
  headers: z.object({ Location: z.string(), 'Retry-After': z.string() }),
})
const ended = (also: string, schema: z.ZodType) => ({
  description: `With \`wait\`: the job has ended in another way than in success.${also}`,
  content: { 'application/problem+json': { schema } },
})

/** @param example The job at its end. */
function starting(operationId: string, summary: string, example: Job, more: Partial<ZodOpenApiOperationObject>): ZodOpenApiOperationObject {
  const { action, to, by, expect } = example
  return {
    operationId,
    summary,
    tags: ['deploys'],
    ...more,
    responses: {
      '200': { description: 'With `wait`: the job has ended in success.', content: json(JobAnswer, example) },
      '202': accepted({ ...queuedExample, action, to, by, expect }),
      ...problems(STARTING),
      ...more.responses,
      '409': ended(' Or several hosts have the stack.', z.union([EndedBadly, ProblemDetails])),
      '500': ended('', EndedBadly),
    },
  }
}

/** Where a plain signature does not do. */
const TIMESTAMPED = {
  description: 'Needs a timestamped signature or a token.',
  security: [{ timestampedSignature: [], timestamp: [] }, { token: [] }],
}

/** OpenAPI 3.1, out of the schemas that validate requests. It tells nothing of an installation. */
export function openApiDocument() {
  return createDocument({
    openapi: '3.1.1',
    info: {
      title: 'Deployer',
      version: '1.0.0',
      description:
        'A signed webhook updates a Docker Compose stack: queued, one deploy at a time per stack, verified, rolled back if it fails. ' +
        'Every error is `application/problem+json` with a stable `code`; every answer has an `X-Request-Id`.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: [
      { name: 'deploys', description: 'Start deploys, rollbacks and plans.' },
      { name: 'jobs', description: 'Follow, list and cancel jobs.' },
      { name: 'stacks', description: 'What there is.' },
      { name: 'service', description: 'The service itself.' },
    ],
    security: [{ signature: [] }, { timestampedSignature: [], timestamp: [] }, { githubSignature: [] }, { token: [] }],
    paths: {
      '/deploy': {
        post: starting('deployByBody', 'Deploy the stack that the body names', deployedExample, {
          requestParams: { query: DeployQuery, header: idempotency },
          requestBody: { required: true, content: json(DeployBody.required({ stack: true }), { stack: 'media', ...deployExample }) },
        }),
      },
      '/deploy/{stack}': {
        post: starting('deploy', 'Deploy a stack', deployedExample, {
          requestParams: { path: stackPath, query: DeployQuery, header: idempotency },
          requestBody: { required: false, content: json(DeployBody, deployExample) },
        }),
      },
      '/stacks/{stack}/rollback': {
        post: starting('rollback', 'Make a former release run', rolledBackExample, {
          ...TIMESTAMPED,
          requestParams: { path: stackPath, query: DeployQuery, header: idempotency },
          requestBody: { required: false, content: json(RollbackBody, rollbackExample) },
          responses: problems(['stack_not_found', 'release_not_found']),
        }),
      },
      '/stacks/{stack}/plan': {
        post: starting('plan', 'Tell what a deploy would do, and change nothing', plannedExample, {
          ...TIMESTAMPED,
          requestParams: { path: stackPath, query: DeployQuery, header: idempotency },
          requestBody: { required: false, content: json(PlanBody, { host: 'nas' }) },
        }),
      },
      '/stacks/{stack}/releases': {
        get: {
          operationId: 'listReleases',
          summary: 'The kept releases of a stack, the newest first',
          tags: ['stacks'],
          requestParams: { path: stackPath, query: HostQuery },
          responses: {
            '200': { description: 'The releases.', content: json(ReleaseList, releasesExample) },
            ...problems([...GATES, 'forbidden', 'stack_not_found', 'stack_ambiguous', 'invalid_request']),
          },
        },
      },
      '/stacks': {
        get: {
          operationId: 'listStacks',
          summary: 'Every stack with host, services, running or not, last job',
          tags: ['stacks'],
          responses: { '200': { description: 'The stacks.', content: json(StackList) }, ...problems([...GATES, 'forbidden']) },
        },
      },
      '/hosts': {
        get: {
          operationId: 'listHosts',
          summary: 'Every host: its engine, stacks and release, and whether a worker of it lives',
          tags: ['stacks'],
          responses: { '200': { description: 'The hosts.', content: json(HostList) }, ...problems([...GATES, 'forbidden']) },
        },
      },
      '/hosts/{name}': {
        delete: {
          operationId: 'forgetHost',
          summary: 'Forget a host that is away for good',
          tags: ['stacks'],
          ...TIMESTAMPED,
          description: `Its stacks are no longer listed, and its jobs end. Only with the main secret. ${TIMESTAMPED.description}`,
          requestParams: { path: z.object({ name: HostName }) },
          responses: {
            '200': { description: 'It is forgotten.', content: json(HostForgotten) },
            ...problems([...GATES, 'forbidden', 'host_not_found', 'host_online']),
          },
        },
      },
      '/jobs': {
        get: {
          operationId: 'listJobs',
          summary: 'Jobs, the newest first',
          tags: ['jobs'],
          requestParams: { query: ListQuery },
          responses: {
            '200': { description: 'The jobs.', content: json(JobList) },
            ...problems([...GATES, 'forbidden', 'invalid_request']),
          },
        },
      },
      '/jobs/{id}': {
        get: {
          operationId: 'readJob',
          summary: 'A job, whatever its outcome',
          tags: ['jobs'],
          requestParams: { path: jobPath, query: WaitQuery },
          responses: {
            '200': { description: 'The job.', content: json(JobAnswer) },
            ...problems([...GATES, 'forbidden', 'job_not_found', 'invalid_request']),
          },
        },
        delete: {
          operationId: 'cancelJob',
          summary: 'Cancel a job',
          tags: ['jobs'],
          ...TIMESTAMPED,
          description: `Possible until \`up\` has begun. ${TIMESTAMPED.description}`,
          requestParams: { path: jobPath },
          responses: {
            '200': { description: 'It had not begun, and never will.', content: json(JobAnswer) },
            '202': { description: 'Its worker was told.', content: json(JobAnswer) },
            ...problems([...GATES, 'forbidden', 'job_not_found', 'not_cancelable']),
          },
        },
      },
      '/jobs/{id}/events': {
        get: {
          operationId: 'followJob',
          summary: 'A job as server-sent events: `state`, `step`, `log`, `gap`, `done`',
          tags: ['jobs'],
          requestParams: {
            path: jobPath,
            header: z.object({
              'Last-Event-ID': z
                .string()
                .optional()
                .meta({ description: 'Goes on after this event; where what followed it is no longer kept, an event `gap` says so.' }),
            }),
          },
          responses: {
            '200': { description: 'The events.', content: { 'text/event-stream': { schema: z.string() } } },
            ...problems([...GATES, 'forbidden', 'job_not_found']),
          },
        },
      },
      '/health': { get: open('health', 'This process answers', Health), post: open('healthByPost', 'The same', Health) },
      '/ready': {
        get: {
          ...open('ready', 'A deploy would be done', Ready),
          responses: {
            '200': { description: 'It would.', content: json(Ready) },
            '503': { description: 'Something is missing.', content: json(Ready) },
          },
        },
      },
      '/metrics': {
        get: {
          operationId: 'metrics',
          summary: 'Metrics in the format of Prometheus',
          description: 'Not there (404) unless METRICS_TOKEN is set.',
          tags: ['service'],
          security: [{ metricsToken: [] }],
          responses: {
            '200': { description: 'The metrics.', content: { 'text/plain': { schema: z.string() } } },
            ...problems(['token_invalid', 'not_found', 'rate_limited']),
          },
        },
      },
    },
    components: {
      securitySchemes: {
        signature: {
          type: 'apiKey',
          in: 'header',
          name: 'X-Signature',
          description:
            'Plain: the hex HMAC-SHA-256 of the raw body, or of the last variable part of the path when the body is empty. A scoped key is named by `X-Key-Id`.',
        },
        timestampedSignature: {
          type: 'apiKey',
          in: 'header',
          name: 'X-Signature',
          description: 'The hex HMAC-SHA-256 of `timestamp.METHOD.path.body`, with the timestamp in `X-Timestamp`.',
        },
        timestamp: { type: 'apiKey', in: 'header', name: 'X-Timestamp', description: 'Unix seconds.' },
        githubSignature: {
          type: 'apiKey',
          in: 'header',
          name: 'X-Hub-Signature-256',
          description: "GitHub's webhook signature; taken as plain.",
        },
        token: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'An OpenID Connect token that a rule of the keys file fits.',
        },
        metricsToken: { type: 'http', scheme: 'bearer', description: 'METRICS_TOKEN.' },
      },
    },
  })
}

function open(operationId: string, summary: string, schema: z.ZodType): ZodOpenApiOperationObject {
  return {
    operationId,
    summary,
    tags: ['service'],
    security: [],
    responses: { '200': { description: summary, content: json(schema) }, ...problems([]) },
  }
}
