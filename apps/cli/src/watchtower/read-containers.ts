import { z } from 'zod'
import { CommandEnd, EXIT } from '../exit-codes.ts'

/** A container as `docker inspect` tells it. */
const Inspected = z.object({
  Name: z.string().default(''),
  Args: z.array(z.string()).nullish(),
  Config: z.object({
    Image: z.string().default(''),
    Env: z.array(z.string()).nullish(),
    Labels: z.record(z.string(), z.string()).nullish(),
  }),
  Mounts: z.array(z.object({ Destination: z.string() })).nullish(),
})

/** How a Watchtower was started. */
export interface Watchtower {
  /** Its options by their long names without dashes, whether they were given as flags or in the environment. */
  options: Map<string, string>
  /** The names of the containers that it watches; empty: all. */
  names: string[]
  timeZone: string | undefined
  mountsLogin: boolean
  /** Variables `WATCHTOWER_…` that nobody knows. */
  unknown: string[]
}

/** Another container that was inspected too. */
export interface Neighbor {
  name: string
  labels: Record<string, string>
}

/** Options that take no value, and the short names of all that have one. */
const SWITCHES = new Set(
  (
    'cleanup remove-volumes debug trace no-color include-restarting include-stopped revive-stopped label-enable monitor-only ' +
    'label-take-precedence no-restart no-pull no-startup-message run-once http-api-update http-api-periodic-polls http-api-metrics ' +
    'rolling-restart tlsverify enable-lifecycle-hooks notification-report notification-skip-title notification-log-stdout ' +
    'notification-email-server-tls-skip-verify notification-gotify-tls-skip-verify notification-msteams-data'
  ).split(' '),
)
const VALUES = new Set(
  (
    'interval schedule scope stop-timeout log-level log-format host api-version http-api-token warn-on-head-failure notifications notifications-level ' +
    'notifications-hostname notifications-delay notification-url notification-template notification-title-tag notification-email-from ' +
    'notification-email-to notification-email-server notification-email-server-user notification-email-server-password ' +
    'notification-email-server-port notification-email-delay notification-email-subjecttag notification-slack-hook-url ' +
    'notification-slack-identifier notification-slack-channel notification-slack-icon-emoji notification-slack-icon-url ' +
    'notification-msteams-hook notification-gotify-url notification-gotify-token porcelain disable-containers health-check repo-user repo-pass'
  ).split(' '),
)
const SHORT: Record<string, string> = {
  i: 'interval',
  s: 'schedule',
  c: 'cleanup',
  d: 'debug',
  m: 'monitor-only',
  R: 'run-once',
  e: 'label-enable',
  S: 'include-stopped',
  t: 'stop-timeout',
  H: 'host',
  a: 'api-version',
  v: 'tlsverify',
}
/** Variables that are not called as their option is. */
const VARIABLES: Record<string, string> = {
  WATCHTOWER_POLL_INTERVAL: 'interval',
  WATCHTOWER_TIMEOUT: 'stop-timeout',
  WATCHTOWER_LIFECYCLE_HOOKS: 'enable-lifecycle-hooks',
  DOCKER_HOST: 'host',
  DOCKER_TLS_VERIFY: 'tlsverify',
  DOCKER_API_VERSION: 'api-version',
  NO_COLOR: 'no-color',
  REPO_USER: 'repo-user',
  REPO_PASS: 'repo-pass',
}

/**
 * Finds the Watchtower in what `docker inspect` has printed.
 *
 * @throws {CommandEnd} when that is something else.
 */
export function readContainers(text: string): { watchtower: Watchtower; neighbors: Neighbor[] } {
  let parsed
  try {
    parsed = z.array(Inspected).safeParse(JSON.parse(text))
  } catch {
    parsed = null
  }
  if (!parsed?.success)
    throw new CommandEnd(EXIT.usage, 'This is not what docker inspect prints: docker inspect watchtower | deployer from-watchtower')
  const isWatchtower = ({ Config: { Image, Env } }: z.infer<typeof Inspected>) =>
    /(^|\/)watchtower(:|@|$)/.test(Image) || (Env ?? []).some((line) => line.startsWith('WATCHTOWER_'))
  const found = parsed.data.find(isWatchtower)
  if (!found) throw new CommandEnd(EXIT.usage, 'None of these containers is a Watchtower.')
  const neighbors = parsed.data
    .filter((one) => one !== found)
    .map(({ Name, Config }) => ({ name: Name.replace(/^\//, ''), labels: Config.Labels ?? {} }))
  return { watchtower: readWatchtower(found), neighbors }
}

function readWatchtower({ Args, Config, Mounts }: z.infer<typeof Inspected>): Watchtower {
  const options = new Map<string, string>()
  const unknown: string[] = []
  let timeZone: string | undefined
  for (const line of Config.Env ?? []) {
    const [, name = '', value = ''] = /^([^=]+)=(.*)$/s.exec(line) ?? []
    const option =
      VARIABLES[name] ??
      name
        .replace(/^WATCHTOWER_/, '')
        .toLowerCase()
        .replaceAll('_', '-')
    if (name === 'TZ') timeZone = value
    else if (
      value !== '' &&
      (VARIABLES[name] !== undefined || (name.startsWith('WATCHTOWER_') && (SWITCHES.has(option) || VALUES.has(option))))
    )
      options.set(option, value)
    else if (name.startsWith('WATCHTOWER_')) unknown.push(name)
  }
  const names = readFlags(Args ?? [], options)
  return { options, names, timeZone, unknown, mountsLogin: (Mounts ?? []).some(({ Destination }) => Destination.endsWith('config.json')) }
}

/** Flags go before variables. @returns What is no flag: names of containers. */
function readFlags(args: string[], options: Map<string, string>): string[] {
  const names: string[] = []
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? ''
    const [, dashes = '', given = '', , value] = /^(--?)([^=]+)(=(.*))?$/s.exec(arg) ?? []
    if (!dashes) {
      names.push(arg)
      continue
    }
    const option = dashes === '-' ? (SHORT[given] ?? given) : given
    options.set(option, value ?? (SWITCHES.has(option) ? 'true' : (args[++at] ?? '')))
  }
  return names
}
