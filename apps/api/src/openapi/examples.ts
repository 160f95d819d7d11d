import type { z } from 'zod'
import type { Job } from '@deployer/shared/job'
import { queuedJob } from '@deployer/shared/queued-job'
import type { ReleaseSummary } from '@deployer/shared/releases'
import type { Update } from '@deployer/shared/updates'
import { version } from '@deployer/shared/version'
import type { Held, HostForgotten, HostList, NotifyTest, Released, Skipped, StackList } from './answers.ts'

/** What the web service's image is called in the registry, before and after. */
const FROM = 'sha256:fe93d99c2b42fb44b1416a454db9bdcd50c254131c12ebf52dd88d04508d4b80'
const TO = 'sha256:51aff2b72b10a2bafdf98ee17ba6ac9559f07d5e3230fb58664180a4f9f4bb53'
const CACHE = 'sha256:bd32cc9526d029ec308be44a7ac57ff2d8250ca46d6be24044420988e5fed854'

/** A deploy that expects what CI has just pushed. */
export const deployExample = { expect: { web: TO } }

/** A job as it is queued. */
export const queuedExample: Job = {
  ...queuedJob(
    '019b796d-d600-7c41-9a52-3f1f6f0f7a10',
    { stack: 'media', host: 'nas', action: 'deploy', source: 'request', caller: 'ci-media' },
    false,
  ),
  expect: deployExample.expect,
}

const step = { ok: true, exit_code: 0 } as const

/** The same at its end. */
export const deployedExample: Job = {
  ...queuedExample,
  state: 'succeeded',
  ok: true,
  steps: [
    { ...step, name: 'status', duration_ms: 4, tail: 'web\ncache\n' },
    { ...step, name: 'config', duration_ms: 31, tail: '' },
    { ...step, name: 'pull', duration_ms: 820, tail: ' web Pulled \n' },
    { ...step, name: 'up', duration_ms: 1200, tail: ' Container media-web-1  Started \n' },
    { ...step, name: 'verify', duration_ms: 900, tail: 'web healthy\n' },
  ],
  changes: [
    {
      service: 'web',
      image: 'registry.example.com/media:latest',
      why: 'image',
      from: 'sha256:238b5d0cf8655ac8d4e14ce2cddf1b16f6d6cb296db795fbe9f49077d5070ca6',
      to: 'sha256:507128730b66e2532cfbdc8b8e8e49d397ecc18515a97f7debcd1e6260afdb67',
      from_digest: FROM,
      to_digest: TO,
      from_version: '2.3.0',
      to_version: '2.4.0',
      source: 'https://github.com/example/media',
    },
  ],
  release: 12,
  started_at: '2026-01-01T12:00:00.020Z',
  finished_at: '2026-01-01T12:00:02.980Z',
}

/** A rollback to a release that is named. */
export const rollbackExample = { to: 11 }

/** The job of that rollback at its end. */
export const rolledBackExample: Job = {
  ...deployedExample,
  action: 'rollback',
  to: rollbackExample.to,
  by: 'default',
  expect: {},
  // The definition is the release's own: nothing is read from the files, and nothing is pulled that is kept here.
  steps: deployedExample.steps.filter(({ name }) => name !== 'config' && name !== 'pull'),
  changes: deployedExample.changes.map((change) => ({
    ...change,
    from: change.to,
    to: change.from,
    from_digest: change.to_digest,
    to_digest: change.from_digest,
    from_version: change.to_version,
    to_version: change.from_version,
  })),
  release: rollbackExample.to,
}

/** The kept releases after that deploy. */
export const releasesExample: { stack: string; host: string; releases: ReleaseSummary[] } = {
  stack: 'media',
  host: 'nas',
  releases: [
    release(12, deployedExample.finished_at ?? '', deployedExample.job_id, true, TO),
    release(11, '2025-12-18T09:30:04.410Z', '019b30cb-79c0-7d06-8c1e-5b7a1f0e2d33', false, FROM),
  ],
}

function release(number: number, at: string, job_id: string, current: boolean, digest: string): ReleaseSummary {
  const services = { web: { image: 'registry.example.com/media:latest', digest }, cache: { image: 'redis:8', digest: CACHE } }
  return { number, at, job_id, by: 'ci-media', current, verified: true, services }
}

/** What the same deploy would have been told to do. */
export const plannedExample: Job = {
  ...queuedExample,
  action: 'plan',
  expect: {},
  by: 'default',
  state: 'succeeded',
  ok: true,
  steps: [
    ...deployedExample.steps.filter(({ name }) => name === 'status' || name === 'config'),
    { ...step, name: 'plan', duration_ms: 190, tail: '' },
  ],
  plan: [
    { service: 'web', image: 'registry.example.com/media:latest', action: 'recreate', why: 'image', from: FROM, to: TO },
    { service: 'cache', image: 'redis:8', action: 'keep', why: null, from: CACHE, to: CACHE },
  ],
  release: 11,
  started_at: '2026-01-01T12:00:00.020Z',
  finished_at: '2026-01-01T12:00:00.270Z',
}

/** A look for new images. */
export const checkedExample: Job = {
  ...queuedExample,
  action: 'check',
  expect: {},
  state: 'succeeded',
  ok: true,
  steps: [{ ...step, name: 'check', duration_ms: 240, tail: 'web: newer\ncache: up to date\n' }],
  started_at: '2026-01-01T12:00:00.020Z',
  finished_at: '2026-01-01T12:00:00.270Z',
}

/** What it has found, */
const updateExample: Update = {
  service: 'web',
  image: 'registry.example.com/media:latest',
  running: FROM,
  available: TO,
  first_seen: '2026-01-01T12:00:00.200Z',
  eligible_at: '2026-01-04T12:00:00.200Z',
  state: 'cooling',
}

/** what is left out of it, */
export const skippedExample: z.infer<typeof Skipped> = {
  stack: 'media',
  host: 'nas',
  service: 'web',
  image: updateExample.image,
  digest: TO,
}

/** and a hold. */
export const holdExample = { reason: 'The disk is being replaced.', until: '2026-01-03T18:00:00Z' }
export const heldExample: z.infer<typeof Held> = {
  stack: 'media',
  host: 'nas',
  hold: { reason: holdExample.reason, until: '2026-01-03T18:00:00.000Z', by: 'ops', since: '2026-01-02T03:04:05.000Z' },
}
export const releasedExample: z.infer<typeof Released> = { stack: 'media', host: 'nas', hold: null }

/** A job that was canceled before it began. */
export const canceledExample: Job = {
  ...queuedExample,
  state: 'canceled',
  ok: false,
  code: 'canceled',
  message: 'The job was canceled before it began.',
  finished_at: queuedExample.queued_at,
}

/** A job that failed where this one succeeded: in its proof, after which the release before runs again; a plan in `config`. */
export function failedExample(done: Job): Job {
  const failed = { ...done, state: 'failed', ok: false, code: 'step_failed' } as const
  if (done.action === 'plan') {
    const tail = 'services.web must be a mapping\n'
    const steps = done.steps.slice(0, 2).map((one) => (one.name === 'config' ? { ...one, ok: false, exit_code: 15, tail } : one))
    return { ...failed, steps, plan: null, message: 'The step "config" failed with exit code 15.' }
  }
  if (done.action === 'check') {
    const tail = 'The Docker Engine did not answer.\n'
    return {
      ...failed,
      steps: done.steps.map((one) => ({ ...one, ok: false, exit_code: null, tail })),
      message: 'The step "check" failed.',
    }
  }
  const message = 'web has become unhealthy.'
  const proof = { ok: false, exit_code: null, tail: `${message}\n` }
  const steps = done.steps.map((one) => (one.name === 'verify' ? { ...one, ...proof } : one))
  return {
    ...failed,
    message,
    steps: [...steps, { ...step, name: 'rollback', duration_ms: 1100, tail: 'web healthy\n' }],
    rolled_back: true,
    release: done.release === deployedExample.release ? rollbackExample.to : deployedExample.release,
    finished_at: '2026-01-01T12:00:04.120Z',
  }
}

/** What there is after that deploy. */
export const stacksExample: StackList = {
  stacks: [
    {
      stack: 'media',
      host: 'nas',
      online: true,
      services: ['cache', 'web'],
      running: true,
      drifted: [],
      last_job: {
        job_id: deployedExample.job_id,
        state: deployedExample.state,
        ok: deployedExample.ok,
        finished_at: deployedExample.finished_at,
        status_url: deployedExample.status_url,
      },
      updates: [updateExample],
      checked_at: updateExample.first_seen,
      hold: null,
    },
  ],
}

export const hostsExample: z.infer<typeof HostList> = {
  hosts: [
    {
      host: 'nas',
      online: true,
      last_seen: '2026-01-02T03:04:05.000Z',
      stacks: ['media'],
      version,
      engine: '0b1f5c1e-6f0a-4a39-9c0e-6f9d0c0a7b11',
      clock_ahead_ms: 0,
    },
  ],
}

export const notifyTestExample: NotifyTest = {
  ok: false,
  channels: [
    { channel: 'ntfys', position: 1, ok: true, status: 200, answer: 'taken' },
    { channel: 'discord', position: 2, ok: false, status: 404, answer: '{"message": "Unknown Webhook", "code": 10015}' },
  ],
}

export const hostForgottenExample: z.infer<typeof HostForgotten> = { ok: true, host: 'old-nas', jobs_ended: 1 }

/** A job while it runs. */
export const runningExample: Job = {
  ...queuedExample,
  state: 'running',
  steps: deployedExample.steps.slice(0, 2),
  started_at: deployedExample.started_at,
}
