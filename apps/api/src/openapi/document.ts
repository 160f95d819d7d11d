import { z } from 'zod'
import { createDocument } from 'zod-openapi'
import { HostName } from '@deployer/shared/names'
import { version } from '@deployer/shared/version'
import { DeployBody, DeployQuery } from '../routes/deploy.ts'
import { ListQuery } from '../routes/jobs.ts'
import { HostQuery, HostBody, RollbackBody } from '../routes/stacks.ts'
import { WaitQuery } from '../routes/wait-query.ts'
import { Health, HostForgotten, HostList, Ignored, JobAnswer, JobEvent, JobList, Ready, ReleaseList, StackList } from './answers.ts'
import {
  canceledExample,
  deployedExample,
  deployExample,
  hostForgottenExample,
  hostsExample,
  plannedExample,
  releasesExample,
  rollbackExample,
  rolledBackExample,
  runningExample,
  stacksExample,
} from './examples.ts'
import { hookPaths } from './hook-paths.ts'
import { notifyPaths } from './notify-paths.ts'
import { GATES, json, openOperation, problems, READING, starting } from './operations.ts'
import { idempotency, jobPath, stackPath } from './parameters.ts'
import { SECURITY, SECURITY_SCHEMES, TIMESTAMPED } from './security.ts'
import { watchPaths } from './watch-paths.ts'

const READY: Ready = { ok: true, missing: [] }

const DESCRIPTION = `A signed webhook updates a Docker Compose stack: queued, one deploy at a time per stack, verified, rolled back if it fails.
Every error is \`application/problem+json\` with a stable \`code\`; every answer has an \`X-Request-Id\`.

With the address in \`DEPLOYER_URL\` and the secret in \`DEPLOY_SECRET\`, this deploys the stack \`media\`:

\`\`\`sh
curl -sS -X POST "$DEPLOYER_URL/deploy/media" -H "X-Signature: $(printf %s media | openssl dgst -sha256 -hmac "$DEPLOY_SECRET" -r | cut -d' ' -f1)"
\`\`\``

/** OpenAPI 3.1, out of the schemas that validate requests. It tells nothing of an installation. */
export function openApiDocument() {
  return createDocument({
    openapi: '3.1.1',
    info: {
      title: 'Deployer',
      version,
      description: DESCRIPTION,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: [
      { name: 'deploys', description: 'Start deploys, rollbacks, plans and checks.' },
      { name: 'jobs', description: 'Follow, list and cancel jobs.' },
      { name: 'stacks', description: 'What there is.' },
      { name: 'service', description: 'The service itself.' },
    ],
    security: SECURITY,
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
          security: [...SECURITY, { githubSignature: [] }, { gitlabToken: [] }],
          responses: {
            '200': {
              description: 'With `wait`: the job has ended in success. Or the event of a code host that means nothing new.',
              content: {
                'application/json': {
                  schema: z.union([JobAnswer, Ignored]),
                  examples: { deployed: { value: deployedExample }, ignored: { value: { ok: true, ignored: 'ping' } satisfies Ignored } },
                },
              },
            },
          },
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
          requestBody: { required: false, content: json(HostBody, { host: 'nas' }) },
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
            ...problems([...READING, 'stack_not_found', 'stack_ambiguous', 'invalid_request']),
          },
        },
      },
      ...watchPaths,
      ...hookPaths,
      '/stacks': {
        get: {
          operationId: 'listStacks',
          summary: 'Every stack with host, services, running or not, last job',
          tags: ['stacks'],
          responses: { '200': { description: 'The stacks.', content: json(StackList, stacksExample) }, ...problems(READING) },
        },
      },
      '/hosts': {
        get: {
          operationId: 'listHosts',
          summary: 'Every host: its engine, stacks and release, and whether a worker of it lives',
          tags: ['stacks'],
          responses: { '200': { description: 'The hosts.', content: json(HostList, hostsExample) }, ...problems(READING) },
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
            '200': { description: 'It is forgotten.', content: json(HostForgotten, hostForgottenExample) },
            ...problems([...GATES, 'signature_replayed', 'forbidden', 'host_not_found', 'host_online']),
          },
        },
      },
      ...notifyPaths,
      '/jobs': {
        get: {
          operationId: 'listJobs',
          summary: 'Jobs, the newest first',
          tags: ['jobs'],
          requestParams: { query: ListQuery },
          responses: {
            '200': { description: 'The jobs.', content: json(JobList, { jobs: [deployedExample] }) },
            ...problems([...READING, 'invalid_request']),
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
            '200': { description: 'The job.', content: json(JobAnswer, deployedExample) },
            ...problems([...READING, 'job_not_found', 'invalid_request', 'too_many_held']),
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
            '200': { description: 'It had not begun, and never will.', content: json(JobAnswer, canceledExample) },
            '202': { description: 'Its worker was told.', content: json(JobAnswer, runningExample) },
            ...problems([...GATES, 'signature_replayed', 'forbidden', 'job_not_found', 'not_cancelable']),
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
            '200': {
              description: 'The events (`text/event-stream`), one after the other; comments in between keep the connection.',
              content: { 'text/event-stream': { schema: JobEvent } },
            },
            ...problems([...READING, 'job_not_found', 'too_many_held']),
          },
        },
      },
      '/health': {
        get: openOperation('health', 'This process answers', Health, { ok: true }),
        post: openOperation('healthByPost', 'The same', Health, { ok: true }),
      },
      '/ready': {
        get: {
          ...openOperation('ready', 'A deploy would be done', Ready, READY),
          responses: {
            '200': { description: 'It would.', content: json(Ready, READY) },
            '503': { description: 'Something is missing.', content: json(Ready, { ok: false, missing: ['worker'] } satisfies Ready) },
            ...problems([]),
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
      securitySchemes: SECURITY_SCHEMES,
    },
  })
}
