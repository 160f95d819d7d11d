import { expect, it } from 'vitest'
import { capture } from '../../apps/worker/src/pipeline/capture.ts'
import { reportRun } from '../../apps/worker/src/pipeline/report-run.ts'
import { openStack } from '../../apps/worker/src/stacks/open-stack.ts'
import { Host, STACK, trace } from './host.ts'
import type { ModelContainer } from './model-engine.ts'
import { makeScenarios } from './scenarios.ts'

const unknown = (await makeScenarios()).find(({ name }) => name === 'a good image, never deployed before')

/** Whether what runs of a stack that nobody knows yet is kept. @param change What is otherwise than `up` leaves it. */
async function isKept(change: (containers: ModelContainer[]) => void): Promise<boolean | undefined> {
  const state = structuredClone(unknown?.state)
  if (!state) throw new Error('no such scenario')
  change(state.engine.containers.filter(({ project }) => project === STACK))
  const host = new Host(state, [], { isSelf: false, keepLines: false })
  const tools = host.tools(
    host.process('worker', () => undefined),
    null,
  )
  const never = new AbortController().signal
  let kept: boolean | undefined
  const work = async () => {
    const opened = await openStack(tools, STACK, never, null)
    const sink = { save: () => undefined, event: () => undefined, trace }
    const reporter = reportRun(sink, tools.logger, tools.clock, never, [], null)
    kept = await capture(opened.tools(reporter), opened.journal)
    await opened.release()
  }
  const done = work()
  await host.time.until('the capture', () => kept !== undefined)
  await done
  return kept
}

it('what runs as its files say is kept', async () => {
  expect(await isKept(() => undefined)).toBe(true)
})

it('what somebody is just about to replace is not', async () => {
  expect(await isKept(([first]) => first && Object.assign(first, { state: 'created' }))).toBe(false)
})

it('what the files do not say is not', async () => {
  expect(await isKept(([first]) => first && Object.assign(first, { configHash: 'of another definition' }))).toBe(false)
})

it('a stack of which nothing runs is not', async () => {
  expect(await isKept((all) => all.forEach((one) => Object.assign(one, { state: 'exited', exitCode: 0 })))).toBe(false)
})
