import { loadSettings, SettingsError, type Role, type Settings } from '@deployer/shared/settings'
import { startTelemetry, type Telemetry } from '@deployer/shared/telemetry'
import { version } from '@deployer/shared/version'
import { startEmbeddedRedis } from './embedded-redis.ts'

/** What each app's main module gives. */
interface App {
  start(settings: Settings & { REDIS_URL: string }, env: NodeJS.ProcessEnv, telemetry: Telemetry | null): Promise<() => Promise<void>>
}

/** The entry point of every app, loaded by the name of its role: the one place that knows them all. */
const ENTRY = {
  worker: '../apps/worker/src/main.ts',
  api: '../apps/api/src/main.ts',
  // Started by a worker for the stack that it is part of; needs no Redis.
  helper: '../apps/worker/src/helper.ts',
} as const

const stops: (() => Promise<void>)[] = []
let stopping: Promise<void> | undefined

/** Stops what was started, the last first. May be called twice. */
function stop(): Promise<void> {
  stopping ??= (async () => {
    for (const stopOne of stops.reverse()) await stopOne()
  })()
  return stopping
}

async function run(role: string): Promise<void> {
  if (!isRole(role)) {
    throw new SettingsError(`The role is "${role}", but must be api, worker or all.`)
  }
  if (role === 'helper') {
    await ((await import(ENTRY.helper)) as App).start(
      loadSettings(process.env, 'worker') as Settings & { REDIS_URL: string },
      process.env,
      null,
    )
    return exitWith(0)
  }
  const settings = loadSettings(process.env, role)
  const url = settings.REDIS_URL ?? (await bringRedis(role, settings))
  const endpoint = settings.OTEL_EXPORTER_OTLP_ENDPOINT
  const telemetry = endpoint ? await startTelemetry(endpoint, role, version) : null
  if (telemetry) stops.push(telemetry.stop)
  const names: (keyof typeof ENTRY)[] = role === 'all' ? ['worker', 'api'] : [role]
  for (const name of names) {
    const app = (await import(ENTRY[name])) as App
    stops.push(await app.start({ ...settings, REDIS_URL: url }, process.env, telemetry))
  }
}

function isRole(role: string): role is Role | 'helper' {
  return role === 'all' || role in ENTRY
}

async function bringRedis(role: Role, settings: Settings): Promise<string> {
  if (role !== 'all') throw new SettingsError(`REDIS_URL is empty, but the role ${role} needs it: redis://host:port`)
  const redis = await startEmbeddedRedis(settings.DATA_DIR, process.env['PATH'] ?? '')
  stops.push(redis.stop)
  return redis.url
}

function exitWith(code: number): void {
  stop().then(
    () => process.exit(code),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
      process.exit(1)
    },
  )
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => exitWith(0))
// The channel to the process that started this one: it closes when that one dies.
if (process.channel) {
  process.on('disconnect', () => exitWith(0))
  process.channel.unref()
}
process.on('unhandledRejection', (error) => {
  process.stderr.write(`unhandled rejection: ${error instanceof Error ? error.stack : String(error)}\n`)
})
try {
  await run(process.argv[2] ?? 'all')
} catch (error) {
  const known = error instanceof SettingsError
  process.stderr.write(`${known ? error.message : error instanceof Error ? error.stack : String(error)}\n`)
  exitWith(known ? error.exitCode : 1)
}
