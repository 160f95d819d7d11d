import { z } from 'zod'
import type { ZodOpenApiOperationObject, ZodOpenApiResponsesObject } from 'zod-openapi'
import type { Job } from '@deployer/shared/job'
import { problemBody, PROBLEMS, type ProblemCode } from '../problem.ts'
import { EndedBadly, JobAnswer, ProblemDetails } from './answers.ts'
import { canceledExample, failedExample, queuedExample } from './examples.ts'

/** Content in JSON. */
export const json = (schema: z.ZodType, example?: unknown) => ({
  'application/json': { schema, ...(example === undefined ? {} : { example }) },
})
/** Answers of every operation behind the gates. */
export const GATES: ProblemCode[] = [
  'signature_missing',
  'signature_invalid',
  'signature_expired',
  'token_invalid',
  'rate_limited',
  'queue_unavailable',
]
/** Answers of those that read. */
export const READING: ProblemCode[] = [...GATES, 'body_not_allowed', 'forbidden']
/** Answers of those that start a job. */
const STARTING: ProblemCode[] = [
  ...GATES,
  'signature_replayed',
  'invalid_json',
  'forbidden',
  'stack_not_found',
  'body_too_large',
  'invalid_request',
  'too_many_held',
]

/** Answers of those that write something about a stack, at once. */
export const STACK_WRITING: ProblemCode[] = [...STARTING.filter((code) => code !== 'too_many_held'), 'stack_ambiguous']

/** Problems as answers, those with the same status together. Every path answers other methods than its own. */
export function problems(codes: ProblemCode[]): ZodOpenApiResponsesObject {
  const byStatus = new Map<number, ProblemCode[]>()
  for (const code of new Set<ProblemCode>([...codes, 'method_not_allowed'])) {
    const [status] = PROBLEMS[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return Object.fromEntries(
    [...byStatus].map(([status, same]) => [
      String(status),
      {
        description: same.map((code) => PROBLEMS[code][1]).join('; '),
        content: { 'application/problem+json': { schema: ProblemDetails, examples: problemExamples(same) } },
      },
    ]),
  )
}

function problemExamples(codes: ProblemCode[]) {
  return Object.fromEntries(
    codes.map((code) => {
      const [status, title] = PROBLEMS[code]
      return [code, { value: JSON.parse(problemBody(status, title, `${title}.`, code)) as unknown }]
    }),
  )
}

const accepted = (example: Job) => ({
  description: 'Accepted: the job will end, whatever process dies.',
  content: json(JobAnswer, example),
  headers: z.object({ Location: z.string(), 'Retry-After': z.string() }),
})
const ended = (also: string, schema: z.ZodType, example: Job) => {
  const code = example.code ?? 'step_failed'
  const [status, title] = PROBLEMS[code]
  const value = JSON.parse(problemBody(status, title, example.message ?? title, code, { ...example })) as unknown
  return {
    description: `With \`wait\`: the job has ended in another way than in success.${also}`,
    content: { 'application/problem+json': { schema, example: value } },
  }
}

/** An operation that starts a job. @param example The job at its end. */
export function starting(
  operationId: string,
  summary: string,
  example: Job,
  more: Partial<ZodOpenApiOperationObject>,
): ZodOpenApiOperationObject {
  const { action, to, by, expect } = example
  const asked = { action, to, by, expect }
  const { '200': ok, ...rest } = more.responses ?? {}
  return {
    operationId,
    summary,
    tags: ['deploys'],
    ...more,
    responses: {
      '200': { description: 'With `wait`: the job has ended in success.', content: json(JobAnswer, example), ...ok },
      '202': accepted({ ...queuedExample, ...asked }),
      ...problems(STARTING),
      ...rest,
      '409': ended(' Or several hosts have the stack.', z.union([EndedBadly, ProblemDetails]), { ...canceledExample, ...asked }),
      '500': ended('', EndedBadly, failedExample(example)),
    },
  }
}

/** An operation that asks for no proof. */
export function openOperation(operationId: string, summary: string, schema: z.ZodType, example: unknown): ZodOpenApiOperationObject {
  return {
    operationId,
    summary,
    tags: ['service'],
    security: [],
    responses: { '200': { description: summary, content: json(schema, example) }, ...problems([]) },
  }
}
