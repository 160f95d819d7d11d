import { JOB_CHANNEL, decodeJobNews } from '@deployer/shared/job-stream'
import { connectRedis, PATIENT } from '@deployer/shared/connect-redis'
import { createLogger } from '@deployer/shared/logger'
import { secretValues, SettingsError, type Settings } from '@deployer/shared/settings'
import { createCompose, findCompose } from './adapters/compose-cli.ts'
import { createEngine } from './adapters/engine-api.ts'
import { publishInventory } from './inventory/publish-inventory.ts'
import { createSlots } from './queue/slots.ts'
import { createStackQueues } from './queue/stack-queues.ts'
import { findHostRoot } from './stacks/find-host-root.ts'

/**
 * Starts a worker: the part that touches the host.
 *
 * @param env What of the environment compose may see is taken from here.
 * @returns Stops it: nothing new is taken, and running deploys are finished.
 */
export async function start(settings: Settings & { REDIS_URL: string }, env: NodeJS.ProcessEnv): Promise<() => Promise<void>> {
  const secrets = secretValues(settings)
  const logger = createLogger(settings.LOG_LEVEL, 'worker', secrets)
  const program = findCompose(env)
  if (program === null) {
    throw new SettingsError('The Docker Compose plugin was not found. Install it: https://docs.docker.com/compose/install/linux/')
  }
  const engine = createEngine(env['DOCKER_HOST'] || 'unix:///var/run/docker.sock')
  const host = settings.WORKER_NAME
  const root = await findHostRoot(settings.STACKS_ROOT, settings.HOST_STACKS_ROOT, engine)
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
      compose: createCompose(program, env),
      limits: {
        statusTimeout: settings.STATUS_TIMEOUT,
        configTimeout: settings.CONFIG_TIMEOUT,
        pullTimeout: settings.PULL_TIMEOUT,
        upTimeout: settings.UP_TIMEOUT,
        healthTimeout: settings.HEALTH_TIMEOUT,
        rollback: settings.ROLLBACK,
      },
      retention: (settings.JOB_RETENTION_DAYS + 1) * 86_400,
      searchPath: env['PATH'] ?? '',
    },
    createSlots(settings.WORKER_CONCURRENCY),
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
