import { join, normalize } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HostName, StackName } from './names.ts'
import { parseQueueName, queueName } from './queue.ts'

const nasty = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: fc.constantFrom('.', '/', '\\', '@', ':', '-', 'a', '\0', '\n', ' ', '%', '*') }),
)

describe('StackName', () => {
  it('is never more than one folder right below the root', () => {
    fc.assert(
      fc.property(nasty, (name) => {
        if (!StackName.safeParse(name).success) return
        expect(normalize(join('/opt/stacks', name))).toBe(`/opt/stacks/${name}`)
        expect(name).not.toMatch(/^[.-]|[^\w.-]/)
      }),
      { numRuns: 2000 },
    )
  })

  it('and a host make a queue that can be taken apart again', () => {
    const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,30}$/)
    fc.assert(
      fc.property(name, name, (stack, host) => {
        expect([StackName.safeParse(stack).success, HostName.safeParse(host).success]).toEqual([true, true])
        expect(parseQueueName(queueName(host, stack))).toEqual({ stack, host })
      }),
    )
  })

  it('no queue of another kind is taken for one of ours', () => {
    fc.assert(
      fc.property(nasty, (name) => {
        const parsed = parseQueueName(name)
        if (parsed) expect(queueName(parsed.host, parsed.stack)).toBe(name)
      }),
      { numRuns: 2000 },
    )
  })
})
