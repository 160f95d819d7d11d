import { z } from 'zod'
import { Problem } from '../problem.ts'

/** `?wait=` and `?timeout=`. */
export const WaitQuery = z.object({
  wait: z
    .enum(['true', 'false', '1', '0'], 'wait is "true" or "false"')
    .transform((value) => value === 'true' || value === '1')
    .optional()
    .describe('Hold the answer until the job ends.'),
  timeout: z
    .string()
    .regex(/^\d{1,6}(\.\d{1,3})?$/, 'timeout is a number of seconds')
    .transform(Number)
    .optional()
    .describe('The longest to wait, in seconds; at most WAIT_TIMEOUT.'),
})
export type WaitQuery = z.infer<typeof WaitQuery>

/**
 * Checks something a caller has sent.
 *
 * @throws {Problem} `invalid_request`, naming the first thing that is wrong.
 */
export function parseInput<T extends z.ZodType>(schema: T, input: unknown): z.infer<T> {
  const parsed = schema.safeParse(input)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const where = issue?.path.join('.')
  throw new Problem('invalid_request', `${where ? `${where}: ` : ''}${issue?.message ?? 'not valid'}.`)
}
