import type { ZodOpenApiPathsObject } from 'zod-openapi'
import { DeployQuery } from '../routes/deploy.ts'
import { HoldBody } from '../routes/holds.ts'
import { HostBody, HostQuery } from '../routes/stacks.ts'
import { SkipBody } from '../routes/updates.ts'
import { Held, Released, Skipped } from './answers.ts'
import { checkedExample, heldExample, holdExample, releasedExample, skippedExample } from './examples.ts'
import { json, problems, STACK_WRITING, starting } from './operations.ts'
import { idempotency, stackPath } from './parameters.ts'
import { TIMESTAMPED } from './security.ts'

/** Looking for new images, leaving one out, and holding a stack. */
export const watchPaths: ZodOpenApiPathsObject = {
  '/stacks/{stack}/check': {
    post: starting('check', 'Ask the registries for new images now', checkedExample, {
      ...TIMESTAMPED,
      requestParams: { path: stackPath, query: DeployQuery, header: idempotency },
      requestBody: { required: false, content: json(HostBody, { host: 'nas' }) },
    }),
  },
  '/stacks/{stack}/skip': {
    post: {
      operationId: 'skip',
      summary: 'Leave the newer image of a service out, until its name has another one',
      tags: ['stacks'],
      ...TIMESTAMPED,
      requestParams: { path: stackPath, query: HostQuery },
      requestBody: { required: true, content: json(SkipBody, { service: 'web' }) },
      responses: {
        '200': { description: 'It is left out.', content: json(Skipped, skippedExample) },
        ...problems([...STACK_WRITING, 'service_not_found', 'no_update']),
      },
    },
  },
  '/stacks/{stack}/hold': {
    put: {
      operationId: 'hold',
      summary: 'Hold a stack, so that nobody deploys it',
      tags: ['stacks'],
      ...TIMESTAMPED,
      description: `Deploys and rollbacks that have changed nothing yet end \`held\`; what has begun is ended. ${TIMESTAMPED.description}`,
      requestParams: { path: stackPath, query: HostQuery },
      requestBody: { required: true, content: json(HoldBody, holdExample) },
      responses: { '200': { description: 'It is held.', content: json(Held, heldExample) }, ...problems(STACK_WRITING) },
    },
    delete: {
      operationId: 'releaseHold',
      summary: 'Release a stack that is held',
      tags: ['stacks'],
      ...TIMESTAMPED,
      requestParams: { path: stackPath, query: HostQuery },
      responses: {
        '200': { description: 'Nobody holds it.', content: json(Released, releasedExample) },
        ...problems(STACK_WRITING),
      },
    },
  },
}
