import { expect, it } from 'vitest'
import { createLogger } from '@deployer/shared/logger'
import { untraced } from '@deployer/shared/telemetry'
import { machineClock } from '../clock.ts'
import { reportRun } from './report-run.ts'

const SECRETS = { own: 'deployers-own-secret', former: 'of-the-release-before', next: 'of-the-release-to-be' }

it('shows no secret in tail, live log or message, whichever was named last', async () => {
  const events: unknown[] = []
  const sink = { save: () => undefined, event: (...event: unknown[]) => void events.push(event), trace: untraced }
  const never = new AbortController().signal
  const reporter = reportRun(sink, createLogger('silent', 'test', []), machineClock, never, [SECRETS.own], null)
  reporter.hide([SECRETS.former])
  reporter.hide([SECRETS.next])
  const said = Object.values(SECRETS).join(' ')
  reporter.say(said)
  await reporter.run('up', 60, async ({ log }) => {
    log(said)
    return { how: 'proved' }
  })
  await reporter.run('verify', 60, async () => {
    throw new Error(`it said ${said}`)
  })
  const report = reporter.end({ state: 'failed', code: 'step_failed', message: `verify failed: it said ${said}` })
  expect(report.message).toBe('verify failed: it said *** *** ***')
  expect(report.steps.map(({ tail }) => tail)).toEqual(['*** *** ***\n', 'it said *** *** ***\n'])
  for (const secret of Object.values(SECRETS)) expect(JSON.stringify([report, events])).not.toContain(secret)
})
