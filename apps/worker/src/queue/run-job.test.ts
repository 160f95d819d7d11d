import { randomUUIDv7 } from 'node:crypto'
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Queue, type Job } from 'bullmq'
import { afterAll, expect, it, vi } from 'vitest'
import { connectRedis, PATIENT } from '@deployer/shared/connect-redis'
import { type JobData, wholeKey } from '@deployer/shared/job-data'
import type { RunReport } from '@deployer/shared/job'
import { createLogger } from '@deployer/shared/logger'
import { OUTBOX_KEY, OutboxEntry } from '@deployer/shared/outbox'
import { jobKey, KEY_PREFIX, queueName } from '@deployer/shared/queue'
import { beginRun, requestCancel, runKey, saveReport } from '@deployer/shared/run-record'
import { holdsKey } from '@deployer/shared/updates'
import { untraced } from '@deployer/shared/telemetry'
import { createEngine } from '../adapters/engine-api.ts'
import { createPatientEngine } from '../adapters/patient-engine.ts'
import { machineClock } from '../clock.ts'
import { createFileStore, journalFolder } from '../journal/file-store.ts'
import { createLockStack } from '../lock/stack-lock.ts'
import type { Clock, Compose } from '../ports.ts'
import { JobAborted } from './job-aborted.ts'
import { createRecovery } from './recover.ts'
import { createSaver } from './report-saver.ts'
import { passNoReturn, runJob, type JobTools } from './run-job.ts'

const folder = mkdtempSync(join(tmpdir(), 'deployer-run-'))
const socket = join(folder, 'redis.sock')
const server = spawn('redis-server', ['--port', '0', '--unixsocket', socket, '--dir', folder, '--save', ''], { stdio: 'ignore' })
const logger = createLogger('silent', 'test', [])
// Its commands wait until the server is there.
const redis = connectRedis(`unix:${socket}`, 'test', logger, PATIENT)
const queue = new Queue(queueName('nas', 'media'), { connection: redis, prefix: KEY_PREFIX, skipVersionCheck: true })
queue.on('error', () => undefined)
afterAll(async () => {
  await queue.close()
  redis.disconnect()
  server.kill()
})

const RETENTION = 60
const data: JobData = { stack: 'media', host: 'nas', action: 'deploy', source: 'request', caller: 'ci' }
const dataDir = join(folder, 'data')
const root = join(folder, 'stacks')
mkdirSync(join(root, data.stack), { recursive: true })
const store = createFileStore(journalFolder(dataDir, data.stack))

/** What a job works with. There is no engine: a job that were begun would fail for want of it. */
const tools: JobTools = {
  engine: createPatientEngine(createEngine(`unix://${folder}/nowhere.sock`), machineClock),
  compose: {} as Compose,
  clock: machineClock,
  root: { here: root, onHost: root, problem: null },
  lockStack: createLockStack({ dataDir, searchPath: process.env['PATH'] ?? '', timeout: 300 }),
  limits: {
    statusTimeout: 0.1,
    configTimeout: 1,
    pullTimeout: 1,
    upTimeout: 1,
    healthTimeout: 1,
    steadyTime: 1,
    rollback: true,
    keepReleases: 5,
    minFreeDisk: 0,
  },
  journalStore: () => store,
  logger,
  self: null,
  stopping: new AbortController().signal,
  deploying: new Map(),
  dataDir,
  redis,
  host: 'nas',
  retention: RETENTION,
  secrets: [],
  trace: untraced,
}

function report(more: Partial<RunReport>): RunReport {
  return {
    state: 'running',
    code: null,
    message: null,
    steps: [],
    changes: [],
    rolled_back: false,
    taken_back: [],
    release: null,
    expect: {},
    degraded: [],
    plan: null,
    refusal: null,
    started_at: '2026-01-01T00:00:00.000Z',
    finished_at: null,
    ...more,
  }
}

const ended = (more: Partial<RunReport>) => report({ finished_at: '2026-01-01T00:01:00.000Z', ...more })
const failure = ended({ state: 'failed', code: 'step_failed', message: 'The step "pull" failed.' })
const stored = async (jobId: string) => JSON.parse((await redis.hget(runKey(jobId), 'report')) ?? 'null') as RunReport | null
let jobs = 0

/** A job in its queue whose first start has begun. */
async function begun(of: JobData = data): Promise<{ jobId: string; job: Job; begin: () => ReturnType<typeof beginRun> }> {
  const jobId = `0199a8f0-0000-7000-8000-${String(++jobs).padStart(12, '0')}`
  const job = await queue.add(of.action, of, { jobId })
  return { jobId, job, begin: () => beginRun(redis, jobId, data, 0) }
}

it.each([failure, ended({ state: 'succeeded' })])(
  'what has ended is not run again, though its queue does not know: $state',
  async (end) => {
    const { jobId, job, begin } = await begun()
    await saveReport(redis, (await begin()).fence, data, end, RETENTION)
    const again = runJob(job, data.stack, tools, new AbortController())
    if (end.state === 'succeeded') expect(await again).toMatchObject({ state: 'succeeded' })
    else await expect(again).rejects.toThrow(end.message ?? '')
    expect(await stored(jobId)).toMatchObject(end)
  },
)

it('what was to be canceled when its worker died is canceled', async () => {
  const { jobId, job, begin } = await begun()
  await begin()
  expect(await requestCancel(redis, { ...data, job_id: jobId, to: null }, 0)).toBe('canceling')
  await expect(runJob(job, data.stack, tools, new AbortController())).rejects.toThrow('canceled')
  expect(await stored(jobId)).toMatchObject({ state: 'canceled', code: 'canceled', steps: [] })
})

it('what another start has followed ends nothing, and its journal keeps what the other one has to tell', async () => {
  const { jobId, job, begin } = await begun()
  const journal = { version: 1, next: 1, current: null, unproven: false, open: null, kept: [], pulled: [] }
  const untold = [{ jobId, job: data, report: failure }]
  store.write('journal.json', JSON.stringify({ ...journal, untold }))
  const followed: JobTools = {
    ...tools,
    async lockStack(...args) {
      await begin()
      return tools.lockStack(...args)
    },
  }
  await expect(runJob(job, data.stack, followed, new AbortController())).rejects.toThrow(JobAborted)
  expect(await stored(jobId)).toMatchObject({ finished_at: null })
  expect(JSON.parse(store.read('journal.json') ?? '')).toMatchObject({ untold })
  // The other one tells it.
  await expect(runJob(job, data.stack, tools, new AbortController())).rejects.toThrow(failure.message ?? '')
  expect(await stored(jobId)).toMatchObject(failure)
  expect(JSON.parse(store.read('journal.json') ?? '')).toMatchObject({ untold: [] })
})

it('what its journal knows to have ended is told, also where the stack cannot be opened or the disk is full', async () => {
  const journal = { version: 1, next: 1, current: null, unproven: false, open: null, kept: [], pulled: [] }
  const full = {
    ...store,
    write() {
      throw new Error('no space left on device')
    },
  }
  for (const more of [{ root: { ...tools.root, problem: 'not mounted' } }, { journalStore: () => full }]) {
    const { jobId, job } = await begun()
    store.write('journal.json', JSON.stringify({ ...journal, untold: [{ jobId, job: data, report: failure }] }))
    await expect(runJob(job, data.stack, { ...tools, ...more }, new AbortController())).rejects.toThrow(failure.message ?? '')
    expect(await stored(jobId)).toMatchObject(failure)
  }
})

it('of two starts the first may neither save, nor pass the point of no return, nor end the job', async () => {
  const { jobId, begin } = await begun()
  const start = async () => {
    const { fence } = await begin()
    const abort = new AbortController()
    return { fence, abort, saver: createSaver(tools, fence, data, abort) }
  }
  const first = await start()
  const second = await start()
  await expect(passNoReturn(tools, first.fence, first.saver)).rejects.toMatchObject({ why: 'lost' })
  expect(await redis.hget(runKey(jobId), 'phase')).toBe('running')
  first.saver.save(report({ message: 'of the first' }))
  await first.saver.settled()
  expect(first.abort.signal.reason).toMatchObject({ why: 'lost' })
  await expect(first.saver.last(failure)).rejects.toMatchObject({ why: 'lost' })
  expect(await stored(jobId)).toBeNull()
  second.saver.save(report({ message: 'of the second' }))
  await passNoReturn(tools, second.fence, second.saver)
  expect(second.abort.signal.aborted).toBe(false)
  await second.saver.last(ended({ state: 'succeeded' }))
  expect(await stored(jobId)).toMatchObject({ state: 'succeeded' })
})

it('waits before the point of no return for a Redis that is full', async () => {
  const { jobId, begin } = await begun()
  const { fence } = await begin()
  const saver = createSaver(tools, fence, data, new AbortController())
  const wait: Clock['wait'] = async (milliseconds, signal) => {
    // Behind what is asked first, over the same connection.
    await redis.config('SET', 'maxmemory', '0')
    return machineClock.wait(milliseconds, signal)
  }
  await redis.config('SET', 'maxmemory', '1')
  await passNoReturn({ ...tools, clock: { ...machineClock, wait } }, fence, saver)
  expect(await redis.hget(runKey(jobId), 'phase')).toBe('applying')
})

it('an end that Redis has lost is queued again, and forgotten only when Redis knows it', async () => {
  const [ended, waits, lost] = [await begun(), await begun(), await begun()]
  await redis.hset(jobKey(queueName('nas', data.stack), ended.jobId), 'finishedOn', '1')
  await lost.job.remove()
  const journal = { version: 1, next: 1, current: null, unproven: false, open: null, kept: [], pulled: [] }
  const untold = [ended, waits, lost].map(({ jobId }) => ({ jobId, job: data, report: failure }))
  store.write('journal.json', JSON.stringify({ ...journal, untold }))
  const recovery = createRecovery(tools)
  await vi.waitUntil(async () => {
    await recovery.look()
    return (await queue.getJob(lost.jobId)) !== undefined
  }, 60_000)
  await recovery.stop()
  expect(JSON.parse(store.read('journal.json') ?? '')).toMatchObject({ untold: untold.slice(1) })
})

it('what somebody holds is not begun, neither a deploy nor a rollback, with the reason and the way out in the message; a plan is', async () => {
  const hold = { reason: 'the disk is being replaced', until: null, by: 'ops', since: '2026-01-01T00:00:00.000Z' }
  const run = async (action: JobData['action'], until: string | null) => {
    await redis.hset(holdsKey('nas'), data.stack, JSON.stringify({ ...hold, until }))
    const { jobId, job } = await begun({ ...data, action })
    await runJob(job, data.stack, tools, new AbortController()).catch(() => undefined)
    return stored(jobId)
  }
  for (const action of ['deploy', 'rollback'] as const) {
    const refused = await run(action, null)
    expect(refused).toMatchObject({ state: 'failed', code: 'held', steps: [] })
    for (const told of ['ops', hold.reason, hold.since, 'deployer release-hold media']) expect(refused?.message).toContain(told)
  }
  expect((await run('deploy', '2999-01-01T00:00:00.000Z'))?.message).toContain('until 2999-01-01T00:00:00.000Z')
  // Begun: there is no engine, so that they get no further.
  expect((await run('deploy', '2026-01-01T00:00:00.000Z'))?.code).toBe('step_failed')
  expect((await run('plan', null))?.code).not.toBe('held')
  await redis.del(holdsKey('nas'))
})

it('a hold that comes while a job waits for its stack counts for it', async () => {
  const { job, jobId } = await begun()
  const late: JobTools = {
    ...tools,
    async lockStack(...args) {
      const lock = await tools.lockStack(...args)
      await redis.hset(
        holdsKey('nas'),
        data.stack,
        JSON.stringify({ reason: 'late', until: null, by: 'ops', since: '2026-01-01T00:00:00.000Z' }),
      )
      return lock
    },
  }
  await expect(runJob(job, data.stack, late, new AbortController())).rejects.toThrow('late')
  expect(await stored(jobId)).toMatchObject({ code: 'held' })
  await redis.del(holdsKey('nas'))
})

it('a worker that stops does not wait for a Redis that has gone while it was to hear of an end', async () => {
  const untold = [{ jobId: randomUUIDv7(), job: data, report: ended({ state: 'failed', code: 'rollback_failed', message: 'away' }) }]
  const journal = { version: 1, next: 1, current: null, unproven: false, open: null, kept: [], pulled: [] }
  store.write('journal.json', JSON.stringify({ ...journal, untold }))
  await redis.ping()
  const gone = new Proxy(redis, { get: (of, name) => (name === 'exists' ? () => new Promise(() => undefined) : Reflect.get(of, name)) })
  const recovery = createRecovery({ ...tools, redis: gone })
  void recovery.look()
  await recovery.stop()
  store.write('journal.json', JSON.stringify({ ...journal, untold: [] }))
})

it('what a job had left open is told of once more when it has ended in another way', async () => {
  const [same, other] = [await begun(), await begun()]
  for (const { jobId, begin } of [same, other]) {
    await saveReport(redis, (await begin()).fence, data, ended({ state: 'failed', code: 'rollback_failed', message: 'away' }), RETENTION)
    await redis.hset(jobKey(queueName('nas', data.stack), jobId), 'finishedOn', '1')
  }
  const before = await redis.xlen(OUTBOX_KEY)
  const untold = [
    { jobId: same.jobId, job: data, report: ended({ state: 'failed', code: 'rollback_failed', message: 'away' }) },
    {
      jobId: other.jobId,
      job: data,
      report: ended({ state: 'failed', code: 'step_failed', message: 'back', rolled_back: true, release: 3 }),
    },
  ]
  const journal = { version: 1, next: 1, current: null, unproven: false, open: null, kept: [], pulled: [] }
  store.write('journal.json', JSON.stringify({ ...journal, untold }))
  const recovery = createRecovery(tools)
  await recovery.look()
  await recovery.stop()
  expect(JSON.parse(store.read('journal.json') ?? '')).toMatchObject({ untold: [] })
  const entries = await redis.xrevrange(OUTBOX_KEY, '+', '-', 'COUNT', (await redis.xlen(OUTBOX_KEY)) - before)
  expect(entries.map(([, [, entry]]) => OutboxEntry.parse(JSON.parse(entry ?? '')))).toMatchObject([
    { kind: 'job', late: true, job: { job_id: other.jobId, rolled_back: true, release: 3 } },
  ])
})

it('the outbox gets the start of a job once, and its end in the step that ends it', async () => {
  const { jobId, begin } = await begun()
  await redis.del(OUTBOX_KEY)
  const told = async () => (await redis.xrange(OUTBOX_KEY, '-', '+')).map(([, [, entry]]) => OutboxEntry.parse(JSON.parse(entry ?? '')))
  const replaced = (await begin()).fence
  const { fence } = await begin()
  expect(await told()).toMatchObject([{ kind: 'job', job: { job_id: jobId, state: 'running', by: 'ci', ok: null } }])
  await saveReport(redis, fence, data, report({ steps: [] }), RETENTION)
  expect(await saveReport(redis, replaced, data, failure, RETENTION)).toBe('replaced')
  expect(await told()).toHaveLength(1)
  const step = { name: 'config', ok: true, exit_code: 0, duration_ms: 1, tail: 'said' } as const
  const steps = [step, { ...step, name: 'pull', ok: false } as const]
  await saveReport(redis, fence, data, { ...failure, steps }, RETENTION)
  expect((await told()).slice(1)).toMatchObject([
    {
      kind: 'job',
      at: failure.finished_at,
      late: false,
      job: { job_id: jobId, state: 'failed', ok: false, steps: [{ tail: '' }, { tail: 'said' }] },
    },
  ])
})

it('a job that is about some services is about all once a request has joined it, at each of its starts', async () => {
  const { jobId, begin } = await begun()
  expect(await begin()).toMatchObject({ whole: null })
  const joined = await begun()
  await redis.set(wholeKey(joined.jobId), JSON.stringify({ source: 'hook', caller: 'ghcr' }))
  expect(await joined.begin()).toMatchObject({ whole: { source: 'hook', caller: 'ghcr' } })
  expect(await redis.exists(wholeKey(joined.jobId))).toBe(0)
  expect(await joined.begin()).toMatchObject({ whole: { caller: 'ghcr' }, fence: { attempt: 2 } })
  // As an API of the release before has it.
  const former = await begun()
  await redis.set(wholeKey(former.jobId), '1')
  expect(await former.begin()).toMatchObject({ whole: { source: 'request', caller: 'ci' } })
  expect(jobId).not.toBe(joined.jobId)
})
