import { serve } from '@hono/node-server'
import type { Hono } from 'hono'
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { requireRedis } from '@deployer/shared/check-redis'
import { connectRedis, FAIL_FAST, PATIENT } from '@deployer/shared/connect-redis'
import { INVENTORY_CHANNEL } from '@deployer/shared/inventory'
import { JOB_CHANNEL } from '@deployer/shared/job-stream'
import { createLogger, endLog } from '@deployer/shared/logger'
import { settleWithin } from '@deployer/shared/settle-within'
import { secretValues, SettingsError, type Settings } from '@deployer/shared/settings'
import { untraced, type Telemetry } from '@deployer/shared/telemetry'
import { limitConnections, mostConnections, type ConnectionLimits } from './connection-limits.ts'
import { createApp } from './create-app.ts'
import { createClientAddress, createIsProxy } from './gates/client-address.ts'
import { createAuthenticate } from './gates/authenticate.ts'
import { createHeldAnswers } from './gates/held-answers.ts'
import { createLimits } from './gates/limits.ts'
import { createHookGate } from './gates/registry-hook.ts'
import { createLoginBudget } from './gates/login-budget.ts'
import { createWarnOfProxy } from './gates/warn-of-proxy.ts'
import type { AppEnv } from './app-env.ts'
import { createKeyRing } from './keys/key-ring.ts'
import { createTokenVerifier } from './keys/verify-token.ts'
import { createRefusalCounter } from './metrics/refusal-counter.ts'
import { createRefusalLog } from './refusal-log.ts'
import { metricsRoutes } from './routes/metrics.ts'
import { answerClientError, SERVER_OPTIONS } from './server-limits.ts'
import { createInventoryCache } from './inventory-cache.ts'
import type { ApiContext } from './routes/context.ts'
import { createJobFeed } from './jobs/job-feed.ts'
import { createJobHub } from './jobs/job-news.ts'
import { createJobQueue } from './jobs/job-queue.ts'
import { createJobStore } from './jobs/job-store.ts'
import { channelsOf, startNotify } from './notify/start-notify.ts'

/** Milliseconds that a start waits for Redis. */
const HELLO = 1500
/** Milliseconds that requests have to be answered at a stop. */
const GOODBYE = 5000

/**
 * Starts the API: the part that faces callers. It reaches Redis and nothing else.
 *
 * @param telemetry `null`: nothing is traced.
 * @returns Stops it: requests that are being held are answered with the job as it is.
 * @throws {SettingsError} when the address cannot be listened on, or Redis is too old.
 */
export async function start(
  settings: Settings & { REDIS_URL: string },
  _env: NodeJS.ProcessEnv,
  telemetry: Telemetry | null,
): Promise<() => Promise<void>> {
  const hidden = secretValues(settings)
  const channels = channelsOf(settings)
  const logger = createLogger(settings.LOG_LEVEL, 'api', hidden)
  const ring = createKeyRing(settings.DEPLOY_KEYS_FILE, logger, ({ keys, hooks }) => {
    hidden.push(...[...keys, ...hooks].map(({ secret }) => secret).filter((secret) => !hidden.includes(secret)))
  })
  const redis = connectRedis(settings.REDIS_URL, 'api', logger, { ...FAIL_FAST, enableAutoPipelining: true })
  // BullMQ defines its scripts with its first job. On a connection that gathers the commands of one moment, one that was gathering by then does not know
  // them, and ioredis 6.0 throws where nobody can catch it.
  const queueRedis = connectRedis(settings.REDIS_URL, 'api-queues', logger, FAIL_FAST)
  const subscriber = connectRedis(settings.REDIS_URL, 'api-news', logger, PATIENT)
  const inventory = createInventoryCache(redis, subscriber, logger)
  const store = createJobStore(redis)
  const hub = createJobHub(subscriber, store)
  const held = createHeldAnswers(mostConnections())
  const queue = createJobQueue(redis, queueRedis, store, settings.JOB_RETENTION_DAYS * 86_400, telemetry)
  const connect = (purpose: string) => connectRedis(settings.REDIS_URL, `api-${purpose}`, logger, PATIENT)
  const notify = startNotify(settings, channels, { redis, queueRedis, connect, logger })
  const refusals = createRefusalCounter()
  const refusalLog = createRefusalLog(logger)
  const secrets = [settings.DEPLOY_SECRET, settings.DEPLOY_SECRET_PREVIOUS].filter((secret) => secret !== undefined)
  const limits = createLimits(redis, settings.RATE_LIMIT_PER_MIN, settings.READ_RATE_LIMIT_PER_MIN)
  let connections: ConnectionLimits | undefined
  const credentials = {
    secrets,
    ring,
    tokens: createTokenVerifier(),
    rules: { tolerance: settings.SIGNATURE_TOLERANCE, requireTimestamp: settings.REQUIRE_TIMESTAMP },
    limits,
    maxBodyBytes: settings.MAX_BODY_BYTES,
    onProof: (socket: Socket) => connections?.prove(socket),
  }
  const { DASHBOARD_USER: user, DASHBOARD_PASSWORD: password, METRICS_TOKEN: metricsToken } = settings
  const api: ApiContext = {
    redis,
    logger,
    inventory,
    queue,
    store,
    hub,
    feed: createJobFeed(redis, hub),
    held,
    notify,
    authenticate: createAuthenticate(redis, credentials),
    authenticateHook: createHookGate(credentials),
    waitTimeout: settings.WAIT_TIMEOUT,
    defaultWait: settings.DEFAULT_WAIT,
    retention: settings.JOB_RETENTION_DAYS * 86_400,
    trace: telemetry?.traceFrom ?? ((_traceparent, ...span) => untraced(...span)),
  }
  // Loaded only where they are wanted: they cost memory.
  const optional: Hono<AppEnv>[] = []
  if (password) {
    const logins = createLoginBudget(redis, settings.RATE_LIMIT_PER_MIN > 0)
    const { createDashboard } = await import('./routes/dashboard.ts')
    optional.push(createDashboard({ user, password }, limits.open, logins, queue, store, logger))
    const { createPages } = await import('./pages/pages.ts')
    optional.push(createPages(api, subscriber, { login: { user, password }, logins, limits, onProof: credentials.onProof }))
  }
  if (metricsToken) {
    const { createDeployMetrics } = await import('./metrics/deploy-metrics.ts')
    optional.push(metricsRoutes(createDeployMetrics(redis, inventory, store, queue.open, refusals), metricsToken, limits))
  }
  const app = createApp(
    api,
    createClientAddress(settings.TRUSTED_PROXIES, settings.CLIENT_ADDRESS_HEADER, createWarnOfProxy(redis, logger)),
    limits,
    optional,
    refusals,
    refusalLog,
  )
  // Rejected while Redis is away; ioredis subscribes again by itself when it is back.
  subscriber.subscribe(JOB_CHANNEL, INVENTORY_CHANNEL).catch(() => undefined)
  // Who asks at once after a start should find what there is; with Redis away there is nothing to wait for.
  const connected = new Promise<void>((resolve) => (redis.status === 'ready' ? resolve() : redis.once('ready', () => resolve())))
  const fit = connected.then(() => requireRedis(redis))
  fit.catch((error: Error) => logger.error({ event: 'redis_unfit' }, error.message))
  const greeted = settleWithin(
    HELLO,
    connected.then(() => inventory.refresh()),
  )
  await Promise.race([Promise.all([fit, greeted]), delay(HELLO)])
  const server = serve({ fetch: app.fetch, hostname: settings.HOST, port: settings.PORT, serverOptions: SERVER_OPTIONS }) as Server
  connections = limitConnections(server, createIsProxy(settings.TRUSTED_PROXIES))
  server.on('clientError', answerClientError)
  try {
    await once(server, 'listening')
  } catch (error) {
    throw new SettingsError(`HOST and PORT are ${settings.HOST}:${settings.PORT}, where the API cannot listen: ${(error as Error).message}`)
  }
  const { port } = server.address() as AddressInfo
  logger.info({ event: 'api_started', host: settings.HOST, port }, 'api started')
  return async () => {
    logger.info({ event: 'api_stopping' }, 'api stops')
    held.stop()
    const closed = once(server, 'close')
    server.close()
    await settleWithin(GOODBYE, closed)
    server.closeAllConnections()
    hub.stop()
    inventory.stop()
    ring.stop()
    refusalLog.stop()
    await notify.stop()
    await settleWithin(1000, queue.close())
    subscriber.disconnect()
    queueRedis.disconnect()
    redis.disconnect()
    logger.info({ event: 'api_stopped' }, 'api stopped')
    await endLog(logger)
  }
}
