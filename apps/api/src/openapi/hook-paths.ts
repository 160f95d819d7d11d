import { z } from 'zod'
import type { ZodOpenApiOperationObject, ZodOpenApiPathsObject } from 'zod-openapi'
import type { ProblemCode } from '../problem.ts'
import { Matched } from './answers.ts'
import { json, problems } from './operations.ts'

const id = z.string().meta({ description: 'The id of the hook in the keys file.', example: 'ghcr' })
const token = z.string().meta({ description: "The hook's secret." })
const CODES: ProblemCode[] = [
  'signature_missing',
  'signature_invalid',
  'invalid_json',
  'body_too_large',
  'invalid_request',
  'rate_limited',
  'queue_unavailable',
]
const common = {
  tags: ['stacks'],
  description: 'A hint: the services whose image is in the repository that it names are checked, and nothing of it goes further.',
  requestBody: {
    required: true,
    content: json(z.looseObject({}), { docker_url: 'quay.io/me/media', updated_tags: ['latest'] }),
  },
  responses: {
    '202': { description: 'What is checked now; nothing where nothing fits.', content: json(Matched, { matched: ['media/web'] }) },
    ...problems(CODES),
  },
} satisfies Partial<ZodOpenApiOperationObject>

/** What registries call. */
export const hookPaths: ZodOpenApiPathsObject = {
  '/hooks/{id}': {
    post: {
      ...common,
      operationId: 'registryHook',
      summary: 'A registry says that there is something new',
      security: [{ githubSignature: [] }, { giteaSignature: [] }, { gitlabToken: [] }, { hookAuthorization: [] }],
      requestParams: { path: z.object({ id }) },
    },
  },
  '/hooks/{id}/{token}': {
    post: {
      ...common,
      operationId: 'registryHookByToken',
      summary: 'The same of one that can send neither a signature nor a header: Docker Hub, Quay',
      security: [],
      requestParams: { path: z.object({ id, token }) },
    },
  },
}
