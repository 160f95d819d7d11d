import { hostname } from 'node:os'
import { z } from 'zod'
import { Duration } from './duration.ts'
import { Every } from './every.ts'
import { HostName } from './names.ts'
import { NotifyEvent } from './outbox.ts'
import { UpdateWindow } from './update-window.ts'

/** What the documentation says beside a setting's default. */
export interface SettingMeta {
  description: string
  /** How the default reads in the documentation, where it is not a plain value. */
  shownDefault?: string
  unit?: 'seconds' | 'bytes' | 'days' | 'per minute'
  /** Never printed, and readable from a file by `NAME_FILE`. */
  secret?: boolean
}

const meta = z.registry<SettingMeta>()

/** The documentation of one setting. */
export function settingMeta(name: SettingName): SettingMeta {
  const found = meta.get(Settings.shape[name])
  if (!found) throw new Error(`the setting ${name} has no description`)
  return found
}

const wholeNumber = (fallback: number, min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, 'a whole number')
    .transform(Number)
    .pipe(z.number().min(min, `a whole number from ${min} to ${max}`).max(max, `a whole number from ${min} to ${max}`))
    .default(fallback)

const flag = (fallback: boolean) =>
  z
    .enum(['true', 'false', '1', '0', 'yes', 'no'], '"true" or "false"')
    .transform((value) => ['true', '1', 'yes'].includes(value))
    .default(fallback)

/** `1GB` → 1000000000. */
function toBytes(size: string): number {
  const [, count, unit = ''] = /^([\d.]+)\s*([KMGT]?)/i.exec(size) ?? []
  return Number(count) * 1000 ** ' KMGT'.indexOf(unit.toUpperCase() || ' ')
}

/** What stands between white space, or commas that another URL follows: some URLs have commas of their own. */
function splitUrls(list: string): string[] {
  return list.split(/\s+|,\s*(?=[A-Za-z][A-Za-z0-9+.-]*:\/\/)/).flatMap((url) => url.replace(/,$/, '') || [])
}

const httpUrl = () => z.url({ protocol: /^https?$/, error: 'http://host… or https://host…' })

function isZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).format() !== ''
  } catch {
    return false
  }
}

const secret = (description: string) => z.string().optional().register(meta, { description, secret: true })
const DAY = 86_400

/** Every setting of Deployer: the source of its validation, its default and its line in the documentation. */
export const Settings = z.object({
  DEPLOY_SECRET: secret(
    'The shared secret that requests are signed with: the key to everything. Empty (without DEPLOY_KEYS_FILE), shorter than 16 characters, or a sample value from any docs, and the API does not start.',
  ),
  DEPLOY_SECRET_PREVIOUS: secret('Also accepted, while the secret is being rotated.'),
  DEPLOY_KEYS_FILE: z.string().startsWith('/', 'an absolute path').optional().register(meta, {
    description:
      'YAML file of scoped keys and OIDC rules, beside or instead of DEPLOY_SECRET; read again when it changes. See docs/keys.md.',
  }),
  STACKS_ROOT: z.string().startsWith('/', 'an absolute path').default('/opt/stacks').register(meta, {
    description: 'Folder whose direct subfolders are the stacks. Missing, and the worker does not start.',
  }),
  HOST_STACKS_ROOT: z.string().startsWith('/', 'an absolute path').optional().register(meta, {
    description: "The same folder's path on the Docker host, where it differs.",
    shownDefault: 'found out',
  }),
  REDIS_URL: z
    .string()
    .regex(/^(rediss?:\/\/|unix:)./, 'redis://host:port, rediss://host:port or unix:/path')
    .optional()
    .register(meta, {
      description: 'Where Redis is, 7.0 or newer, or Valkey: `redis://`, `rediss://` or `unix:`. Unset, `npm start` brings its own.',
      secret: true,
    }),
  DATA_DIR: z.string().min(1, 'a path').default('./data').register(meta, {
    description:
      "The embedded Redis's append-only file; the worker's releases and locks, which all workers of a host share. A volume in production.",
  }),
  HOST: z.string().min(1, 'an address').default('0.0.0.0').register(meta, { description: 'The address the API listens on.' }),
  PORT: wholeNumber(8080, 0, 65_535).register(meta, { description: 'The port the API listens on; `0` takes a free one.' }),
  RATE_LIMIT_PER_MIN: wholeNumber(10, 0, 1_000_000).register(meta, {
    description:
      'Deploy requests: signed ones per key, address and stack, all others per address; held in Redis, so it spans API replicas. `0` turns it off.',
    unit: 'per minute',
  }),
  READ_RATE_LIMIT_PER_MIN: wholeNumber(600, 0, 1_000_000).register(meta, {
    description: 'The same for GETs.',
    unit: 'per minute',
  }),
  TRUSTED_PROXIES: z
    .string()
    .transform((list) =>
      list
        .split(',')
        .map((entry) => entry.trim())
        .filter(Boolean),
    )
    .pipe(z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], 'addresses or CIDRs, separated by commas')))
    .default([])
    .register(meta, {
      description: 'Addresses or CIDRs, separated by commas, whose `CLIENT_ADDRESS_HEADER` is believed.',
      shownDefault: 'none',
    }),
  CLIENT_ADDRESS_HEADER: z
    .string()
    .regex(/^[A-Za-z0-9-]+$/, 'the name of a header')
    .default('X-Forwarded-For')
    .register(meta, {
      description:
        'The one header in which a trusted proxy names the caller: its last untrusted hop; or a header with one address, such as `CF-Connecting-IP`. IPv6 counts by /64.',
    }),
  STATUS_TIMEOUT: wholeNumber(60, 1, DAY).register(meta, { description: 'How long `status` may take.', unit: 'seconds' }),
  CONFIG_TIMEOUT: wholeNumber(120, 1, DAY).register(meta, { description: 'How long `config` may take.', unit: 'seconds' }),
  PULL_TIMEOUT: wholeNumber(600, 1, DAY).register(meta, { description: 'How long `pull` may take.', unit: 'seconds' }),
  UP_TIMEOUT: wholeNumber(600, 1, DAY).register(meta, { description: 'How long `up` may take.', unit: 'seconds' }),
  HEALTH_TIMEOUT: wholeNumber(120, 0, DAY).register(meta, {
    description: 'How long changed services have to become healthy; `0` skips the `verify` step.',
    unit: 'seconds',
  }),
  LOCK_TIMEOUT: wholeNumber(300, 0, DAY).register(meta, {
    description: "How long a deploy waits for whoever else has locked the stack's folder (flock); then it is refused, `stack_busy`.",
    unit: 'seconds',
  }),
  STEADY_TIME: wholeNumber(10, 0, DAY).register(meta, {
    description:
      "How long a changed service without a health check has to run without a restart; a service's own `deploy.update_config.monitor` goes before it.",
    unit: 'seconds',
  }),
  KEEP_RELEASES: wholeNumber(5, 1, 100).register(meta, {
    description: 'Verified releases kept for each stack, with their images.',
  }),
  MIN_FREE_DISK: z
    .string()
    .regex(/^\d+(\.\d+)?\s*([KMGT]?B?)$/i, 'a size such as 500MB or 1GB, or 0')
    .transform(toBytes)
    .default(1_000_000_000)
    .register(meta, {
      description: 'Less free where the engine keeps its images, and a deploy is refused before `pull` (`disk_full`). `0` turns it off.',
      shownDefault: '1GB',
    }),
  ROLLBACK: flag(true).register(meta, { description: 'Bring the release before back, whole, when `up` or `verify` fails.' }),
  WATCH: z.enum(['off', 'notify', 'update'], 'off, notify or update').default('off').register(meta, {
    description:
      'What becomes of new images that nobody announces, in stacks whose `x-deployer` says nothing: `notify` tells of them, `update` deploys them. See docs/watching.md.',
  }),
  WATCH_EVERY: Every.default({ kind: 'interval', milliseconds: 6 * 3_600_000 }).register(meta, {
    description: 'When registries are asked: a duration of 5 minutes or more, or a cron line of five fields in `TZ`; `0`: only on request.',
    shownDefault: '`6h`',
  }),
  UPDATE_WINDOW: UpdateWindow.default(null).register(meta, {
    description:
      'When watching may deploy, in `TZ`: `02:00-05:00`, or `Mon-Fri 02:00-05:00, Sun 01:00-07:00`; may pass midnight. Checks do not wait for it.',
    shownDefault: '`always`',
  }),
  MIN_AGE: Duration.default(0).register(meta, {
    description: 'How long an image must have been seen here before watching deploys it: `3d`.',
  }),
  SETTLE: Duration.default(300_000).register(meta, {
    description:
      'How long no image of a stack must have changed before watching deploys it, so that images which are pushed one after the other go together.',
    shownDefault: '`5m`',
  }),
  TZ: z
    .string()
    .refine(isZone, 'a time zone such as UTC or Europe/Lisbon')
    .default(() => Intl.DateTimeFormat().resolvedOptions().timeZone)
    .register(meta, { description: 'The zone of cron lines and windows.', shownDefault: "the machine's" }),
  WAIT_TIMEOUT: wholeNumber(1500, 1, DAY).register(meta, {
    description: 'The longest that `?wait=true` is held open.',
    unit: 'seconds',
  }),
  DEFAULT_WAIT: flag(false).register(meta, {
    description: '`true`: callers that say nothing about waiting wait. A drop-in for callers of the synchronous service.',
  }),
  WORKER_CONCURRENCY: wholeNumber(4, 1, 1000).register(meta, {
    description: 'Stacks deployed at the same time by one worker.',
  }),
  WORKER_NAME: HostName.default(() => hostname()).register(meta, {
    description:
      'What this host is called, in inventory, logs and jobs. A host is its Docker Engine: under another name a worker takes over its stacks and jobs, and no two engines have one name.',
    shownDefault: 'the host name',
  }),
  JOB_RETENTION_DAYS: wholeNumber(30, 1, 3650).register(meta, {
    description: 'How long finished jobs can be read; at most 200 a stack.',
    unit: 'days',
  }),
  MAX_BODY_BYTES: wholeNumber(1_048_576, 1, 104_857_600).register(meta, {
    description: 'Larger bodies get 413.',
    unit: 'bytes',
  }),
  SIGNATURE_TOLERANCE: wholeNumber(300, 1, DAY).register(meta, {
    description: 'How long a timestamped signature is good for.',
    unit: 'seconds',
  }),
  REQUIRE_TIMESTAMP: flag(false).register(meta, { description: '`true`: plain body signatures are refused.' }),
  DASHBOARD_USER: z
    .string()
    .min(1, 'a name')
    .default('admin')
    .register(meta, { description: 'Who signs in to the pages at `/ui`, and to Bull Board at `/dashboard`.' }),
  DASHBOARD_PASSWORD: secret('The password of both. None, and there are neither pages nor dashboard (404).'),
  METRICS_TOKEN: secret('The bearer token of `/metrics`. None, and there are no metrics (404).'),
  NOTIFY_URLS: z.string().transform(splitUrls).default([]).register(meta, {
    description:
      'Who is told: `discord://`, `slack://`, `telegram://`, `ntfy://`, `gotify://`, `mailto://`, `jsons://`, `apprise://` and more, in the spelling of Apprise or shoutrrr, several with white space or commas between them. See docs/notifications.md.',
    shownDefault: 'none',
    secret: true,
  }),
  NOTIFY_ON: z
    .string()
    .transform((list) => list.split(/[\s,]+/).filter(Boolean))
    .pipe(z.array(z.enum(NotifyEvent.options, `some of ${NotifyEvent.options.join(', ')}, with commas between them`)))
    .default(['failed', 'rolled_back', 'rollback_failed', 'recovered', 'updated', 'update_available'])
    .register(meta, {
      description: 'What they are told of; also `succeeded`, `started`, `held`.',
      shownDefault: '`failed,rolled_back,rollback_failed,recovered,updated,update_available`',
    }),
  NOTIFY_REPEAT: Duration.default(DAY * 1000).register(meta, {
    description: 'An unchanged failure is told again after this; an available update once per digest. `0`: every time.',
    shownDefault: '`24h`',
  }),
  PING_URL: httpUrl().optional().register(meta, {
    description:
      'A check of Healthchecks or the like that is pinged around each round of looking for new images: `/start`, plain, `/fail`.',
    secret: true,
  }),
  PUBLIC_URL: httpUrl()
    .transform((url) => url.replace(/\/+$/, ''))
    .optional()
    .register(meta, { description: 'Where people reach Deployer, for links to the page of a job: `https://deploy.example.com`.' }),
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .url({ protocol: /^https?$/, error: 'http://host:port or https://host:port' })
    .optional()
    .register(meta, {
      description:
        'OpenTelemetry collector (OTLP over HTTP) that gets a trace of each deploy, from the request to compose. None, and nothing is traced.',
    }),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], 'trace, debug, info, warn, error, fatal or silent')
    .default('info')
    .register(meta, { description: "pino's levels." }),
})
export type Settings = z.infer<typeof Settings>
export type SettingName = keyof Settings

export const settingNames = Object.keys(Settings.shape) as SettingName[]
