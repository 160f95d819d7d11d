import { resolve } from 'node:path'
import { JOB_CHANNEL, decodeJobNews } from '@deployer/shared/job-stream'
import { requireRedis } from '@deployer/shared/check-redis'
import { connectRedis, PATIENT } from '@deployer/shared/connect-redis'
import { createLogger, endLog } from '@deployer/shared/logger'
import { secretValues, type Settings } from '@deployer/shared/settings'
import { untraced, type Telemetry } from '@deployer/shared/telemetry'
import { createPatientEngine } from './adapters/patient-engine.ts'
import { machineClock } from './clock.ts'
import { connectEngine } from './connect-engine.ts'
import { deployLimits, helperEnv, lockSettings } from './deploy-limits.ts'
import { createDriftLook } from './inventory/drift-look.ts'
import { publishInventory } from './inventory/publish-inventory.ts'
import { claimHost, type HostIdentity } from './hosts/claim-host.ts'
import { dataId } from './hosts/data-id.ts'
import { learnEngine } from './hosts/learn-engine.ts'
import { moveJobs } from './hosts/move-jobs.ts'
import { createFileStore, journalFolder } from './journal/file-store.ts'
import { createLockStack } from './lock/stack-lock.ts'
import type { Clock, Engine } from './ports.ts'
import { createSlots } from './queue/slots.ts'
import { createCaptureStacks } from './queue/capture-stacks.ts'
import { createRecovery } from './queue/recover.ts'
import type { JobTools } from './queue/run-job.ts'
import { startSweep } from './queue/sweep.ts'
import { createStackQueues } from './queue/stack-queues.ts'
import { untilTaken } from './queue/until-taken.ts'
import { hostPath } from './stacks/find-host-root.ts'
import { createAskRegistry } from './watch/ask-registry.ts'
import { createMemory } from './watch/memory.ts'
import { createReadStacks } from './watch/read-stack.ts'
import { createWatch } from './watch/watch.ts'
import { hostWishes } from './watch/wishes.ts'

/** Milliseconds without an answer after which a worker that has to stop does not wait for the engine any more. */
const ENGINE_GONE = 5000

/** Milliseconds in which every API has heard of a host's new name. */
const STRAGGLERS = 5000

/**
 * Starts a worker: the part that touches the host.
 *
 * @param env What of the environment compose may see is taken from here.
 * @param telemetry `null`: nothing is traced.
 * @returns Stops it: nothing new is taken, and running deploys are finished, unless the engine has gone.
 */
export async function start(
  settings: Settings & { REDIS_URL: string },
  env: NodeJS.ProcessEnv,
  telemetry: Telemetry | null,
): Promise<() => Promise<void>> {
  const secrets = secretValues(settings)
  const logger = createLogger(settings.LOG_LEVEL, 'worker', secrets)
  const trace = telemetry?.trace ?? untraced
  const { engine: impatient, compose, root, container } = await connectEngine(settings, env, trace)
  const clock = machineClock
  const engine = createPatientEngine(impatient, clock)
  const host = settings.WORKER_NAME
  if (root.problem !== null) logger.error({ event: 'stacks_root_problem' }, root.problem)
  const redis = connectRedis(settings.REDIS_URL, 'worker', logger, PATIENT)
  const subscriber = connectRedis(settings.REDIS_URL, 'worker-news', logger, PATIENT)
  const stopping = new AbortController()
  const tools: JobTools = {
    redis,
    logger,
    engine,
    compose,
    clock,
    root,
    host,
    secrets,
    trace,
    lockStack: createLockStack(lockSettings(settings, env)),
    limits: deployLimits(settings),
    dataDir: settings.DATA_DIR,
    journalStore: (stack) => createFileStore(journalFolder(settings.DATA_DIR, stack)),
    retention: settings.JOB_RETENTION_DAYS * 86_400,
    self: container === null ? null : await describeSelf(container, engine, settings, env),
    stopping: stopping.signal,
    deploying: new Map(),
  }
  const recovery = createRecovery(tools)
  const captured = createCaptureStacks(tools)
  // What is half changed needs no Redis to be ended.
  const recovered = recovery.look()
  const wishes = hostWishes(settings)
  const watch = createWatch({
    ...tools,
    wishes,
    memory: createMemory(settings.DATA_DIR, env['PATH'] ?? '', () =>
      logger.error({ event: 'watch_memory_damaged' }, 'what was remembered of images cannot be read; it was put aside'),
    ),
    stacks: createReadStacks(tools, wishes),
    newRound: () => createAskRegistry(engine),
  })
  tools.watch = watch
  const queues = createStackQueues(tools, createSlots(settings.WORKER_CONCURRENCY), telemetry)
  subscriber.on('message', (_channel, message) => {
    const { jobId, news } = decodeJobNews(message)
    if (news === 'cancel') queues.cancel(jobId)
  })
  await subscriber.subscribe(JOB_CHANNEL)
  await recovered
  await requireRedis(redis)
  const identity = { host, engine: await engineId(impatient), data: dataId(settings.DATA_DIR) }
  const taken = (what: () => Promise<void>) => untilTaken(what, logger, clock, stopping.signal)
  const claim = async (me: HostIdentity) => {
    await taken(() => claimHost(redis, logger, me))
    await taken(() => moveJobs(tools))
  }
  await claim(identity)
  if (identity.engine === null) void learnEngine(identity, () => engineId(impatient), claim, logger, clock, stopping.signal)
  const onChange = (stack: string) => {
    captured.add(stack)
    watch.changed(stack)
  }
  const isChanging = (stack: string) =>
    tools.deploying.values().some((job) => job.stack === stack && (job.action === 'deploy' || job.action === 'rollback'))
  const drift = createDriftLook(root, settings.DATA_DIR, isChanging)
  const stopInventory = await publishInventory(
    { redis, logger, engine: impatient, root, identity, drift },
    queues.add,
    onChange,
    async () => {
      await requireRedis(redis)
      await queues.restore()
      await recovery.look()
      await watch.sync()
    },
  )
  await taken(() => queues.addForgotten())
  void watch.sync()
  const stopSweep = startSweep(tools)
  // An API that has not heard of a new name yet may put a job under the former one.
  const stragglers = setTimeout(() => void moveJobs(tools).catch(() => undefined), STRAGGLERS)
  logger.info({ event: 'worker_started', host, stacks_root: root.onHost }, 'worker started')
  return async () => {
    logger.info({ event: 'worker_stopping' }, 'worker stops: nothing new is taken, running deploys are finished')
    stopping.abort(new Error('the worker stops'))
    const finish = async () => {
      await stopInventory()
      await captured.stop()
      await recovery.stop()
      await watch.stop()
      stopSweep()
      clearTimeout(stragglers)
      await queues.stop()
      subscriber.disconnect()
      redis.disconnect()
      logger.info({ event: 'worker_stopped' }, 'worker stopped')
    }
    const over = new AbortController()
    const finished = finish().finally(() => over.abort())
    await Promise.race([finished, untilEngineIsGone(impatient, clock, over.signal)])
    if (!over.signal.aborted) logger.warn({ event: 'engine_gone' }, 'the engine has gone too: what is half done is ended at the next start')
    await endLog(logger)
  }
}

/**
 * Resolves when the engine has not answered for some seconds, or the signal is aborted. An engine that ends waits for its containers to end: one that
 * waited for the engine in its turn would hold up both, and the machine with them.
 */
async function untilEngineIsGone(engine: Engine, clock: Clock, signal: AbortSignal): Promise<void> {
  let answered = clock.now()
  while (!signal.aborted && clock.now() - answered < ENGINE_GONE) {
    const asked = AbortSignal.any([signal, clock.timeout(ENGINE_GONE)])
    if (
      await engine.ping(asked).then(
        () => true,
        () => false,
      )
    )
      answered = clock.now()
    await clock.wait(500, signal).catch(() => undefined)
  }
}

/** `null` where the engine has none, or does not answer. */
async function engineId(engine: Engine): Promise<string | null> {
  return (await engine.id(machineClock.timeout(10_000)).catch(() => '')) || null
}

async function describeSelf(container: string, engine: Engine, settings: Settings, env: NodeJS.ProcessEnv): Promise<JobTools['self']> {
  const { mounts } = await engine.spec(container, machineClock.timeout(30_000))
  return {
    container,
    keepsData: hostPath(resolve(settings.DATA_DIR), mounts) !== undefined,
    env: helperEnv(settings, env),
  }
}
