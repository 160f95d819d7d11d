import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Problem } from '../problem.ts'
import { DeployBody, DeployQuery } from './deploy.ts'
import { ListQuery } from './jobs.ts'
import { parseInput } from './wait-query.ts'

/** What becomes of an input: accepted, or refused with `invalid_request`; nothing else. */
function outcome(schema: Parameters<typeof parseInput>[0], input: unknown): unknown {
  try {
    return parseInput(schema, input)
  } catch (error) {
    expect(error).toBeInstanceOf(Problem)
    expect((error as Problem).code).toBe('invalid_request')
    return null
  }
}

describe('bodies and queries', () => {
  it('are taken or refused, whatever JSON they are', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (body) => {
        const parsed = outcome(DeployBody, body) as { stack?: unknown; host?: unknown } | null
        if (parsed) expect([typeof parsed.stack, typeof parsed.host].every((type) => ['string', 'undefined'].includes(type))).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  it('have a time to wait that is a sane number, or none', () => {
    fc.assert(
      fc.property(
        fc.record({ wait: fc.string(), timeout: fc.oneof(fc.string(), fc.double().map(String)) }, { requiredKeys: [] }),
        (query) => {
          const parsed = outcome(DeployQuery, query) as { timeout?: number } | null
          if (parsed?.timeout !== undefined) expect(parsed.timeout >= 0 && parsed.timeout < 1_000_000).toBe(true)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('have a limit from 1 to 999', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.integer().map(String)), (limit) => {
        const parsed = outcome(ListQuery, { limit }) as { limit: number } | null
        if (parsed) expect(parsed.limit >= 1 && parsed.limit <= 999).toBe(true)
      }),
    )
  })
})
