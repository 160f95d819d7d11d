import type { ZodOpenApiPathsObject } from 'zod-openapi'
import { NotifyTest } from './answers.ts'
import { notifyTestExample } from './examples.ts'
import { GATES, json, problems } from './operations.ts'
import { TIMESTAMPED } from './security.ts'

/** What there is about notifications. */
export const notifyPaths: ZodOpenApiPathsObject = {
  '/notify/test': {
    post: {
      operationId: 'testNotify',
      summary: 'Send a test message to every channel',
      tags: ['service'],
      ...TIMESTAMPED,
      description: `Answers what each of them answered. Only with the main secret. ${TIMESTAMPED.description}`,
      responses: {
        '200': { description: 'What became of it.', content: json(NotifyTest, notifyTestExample) },
        ...problems([...GATES, 'signature_replayed', 'forbidden', 'body_too_large']),
      },
    },
  },
}
