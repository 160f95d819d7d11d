import { JOB_CHANNEL, decodeJobNews } from '@deployer/shared/job-stream'
import { connectRedis, PATIENT } from '@deployer/shared/connect-redis'
import { createLogger } from '@deployer/shared/logger'
import { secretValues, type Settings } from '@deployer/shared/settings'
import { untraced, type Telemetry } from '@deployer/shared/telemetry'
import { connectEngine } from './connect-engine.ts'
import { deployLimits, helperEnv, lockSettings } from './deploy-limits.ts'
import { publishInventory } from './inventory/publish-inventory.ts'
import { createLockStack } from './lock/stack-lock.ts'
import { createSlots } from './queue/slots.ts'
import { createStackQueues } from './queue/stack-queues.ts'

/**
 * Starts a worker: the part that touches the host.
 *
 * @param env What of the environment compose may see is taken from here.
 * @param telemetry `null`: nothing is traced.
 * @returns Stops it: nothing new is taken, and running deploys are finished.
 */
export async function start(
  settings: Settings & { REDIS_URL: string },
  env: NodeJS.ProcessEnv,
  telemetry: Telemetry | null,
): Promise<() => Promise<void>> {
  const secrets = secretValues(settings)
  const logger = createLogger(settings.LOG_LEVEL, 'worker', secrets)
  const trace = telemetry?.trace ?? untraced
  const { engine, compose, root, container, dockerHost } = await connectEngine(settings, env, trace)
  const lockStack = createLockStack(lockSettings(settings, env))
  const host = settings.WORKER_NAME
  if (root.problem !== null) logger.error({ event: 'stacks_root_problem' }, root.problem)
  const redis = connectRedis(settings.REDIS_URL, 'worker', logger, PATIENT)
  const subscriber = connectRedis(settings.REDIS_URL, 'worker-news', logger, PATIENT)
  const queues = createStackQueues(
    {
      redis,
      logger,
      engine,
      root,
      host,
      secrets,
      compose,
      limits: deployLimits(settings),
      self: container === null ? null : { container, engineByNetwork: dockerHost.startsWith('tcp:'), env: helperEnv(settings, env) },
      retention: (settings.JOB_RETENTION_DAYS + 1) * 86_400,
      lockStack,
      trace,
    },
    createSlots(settings.WORKER_CONCURRENCY),
    telemetry,
  )
  subscriber.on('message', (_channel, message) => {
    const { jobId, news } = decodeJobNews(message)
    if (news === 'cancel') queues.cancel(jobId)
  })
  await subscriber.subscribe(JOB_CHANNEL)
  const stopInventory = await publishInventory({ redis, logger, engine, root, host }, queues.add)
  await queues.addForgotten()
  logger.info({ event: 'worker_started', host, stacks_root: root.onHost }, 'worker started')
  return async () => {
    logger.info({ event: 'worker_stopping' }, 'worker stops: nothing new is taken, running deploys are finished')
    await stopInventory()
    await queues.stop()
    subscriber.disconnect()
    redis.disconnect()
    logger.info({ event: 'worker_stopped' }, 'worker stopped')
  }
}
