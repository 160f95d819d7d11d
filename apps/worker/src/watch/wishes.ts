import { z } from 'zod'
import { Duration } from '@deployer/shared/duration'
import { Every } from '@deployer/shared/every'
import type { Settings } from '@deployer/shared/settings'
import { UpdateWindow } from '@deployer/shared/update-window'
import type { ComposeModel, ComposeService } from '../release/release.ts'

/** What becomes of a new image. */
export type Mode = 'off' | 'notify' | 'update'

/** When a stack is looked at, and when it is updated. */
export interface Pace {
  every: Every
  window: UpdateWindow
  /** Milliseconds. */
  minAge: number
  settle: number
}

/** What the host's settings say for stacks that say nothing. */
export interface HostWishes extends Pace {
  watch: Mode
  /** The zone of cron lines and windows. */
  zone: string
}

/** What a stack wants. */
export interface StackWishes extends Pace {
  /** By service. */
  modes: Record<string, Mode>
  /** What is wrong with its `x-deployer`; nothing is watched then. */
  problem: string | null
  /** Labels of Watchtower that say neither yes nor no, and so count for nothing. */
  ignored: string[]
}

export function hostWishes(settings: Settings): HostWishes {
  return {
    watch: settings.WATCH,
    every: settings.WATCH_EVERY,
    window: settings.UPDATE_WINDOW,
    minAge: settings.MIN_AGE,
    settle: settings.SETTLE,
    zone: settings.TZ,
  }
}

/** YAML has other types for `off` and `0`. */
const text = z.union([z.string(), z.number()]).transform(String)
const watch = z
  .union([z.literal(false).transform(() => 'off' as const), z.enum(['off', 'notify', 'update'])], 'off, notify or update')
  .optional()

/** The `x-deployer` of a stack. Other keys than these are mistakes: what is meant by them cannot be known. */
const StackSection = z.strictObject({
  watch,
  every: text.pipe(Every).optional(),
  window: text.pipe(UpdateWindow).optional(),
  min_age: text.pipe(Duration).optional(),
  settle: text.pipe(Duration).optional(),
  build: z.boolean().optional(),
  hooks: z.unknown().optional(),
})
const ServiceSection = z.strictObject({ watch, drain: z.unknown().optional() })

/** Reads what a stack wants out of its resolved compose file. */
export function readWishes(model: ComposeModel, host: HostWishes): StackWishes {
  const stack = StackSection.safeParse(model['x-deployer'] ?? {})
  const problems = stack.success ? [] : tell('x-deployer', model['x-deployer'], stack.error)
  const ignored: string[] = []
  const { data = {} } = stack
  const modes: Record<string, Mode> = {}
  for (const [service, definition] of Object.entries(model.services)) {
    const own = ServiceSection.safeParse(definition['x-deployer'] ?? {})
    if (!own.success) problems.push(...tell(`x-deployer of "${service}"`, definition['x-deployer'], own.error))
    ignored.push(...oddLabels(service, definition))
    modes[service] = own.data?.watch ?? byLabels(definition, data.watch ?? host.watch)
  }
  const pace: Pace = {
    every: data.every ?? host.every,
    window: data.window === undefined ? host.window : data.window,
    minAge: data.min_age ?? host.minAge,
    settle: data.settle ?? host.settle,
  }
  if (problems.length === 0) return { ...pace, modes, problem: null, ignored }
  const none = Object.fromEntries(Object.keys(modes).map((service) => [service, 'off' as const]))
  return { ...pace, modes: none, problem: problems.join('; '), ignored }
}

/** Whether anything of a stack is to be watched; also where it cannot be told what. */
export function isWatched({ modes, problem }: StackWishes): boolean {
  return problem !== null || Object.values(modes).some((mode) => mode !== 'off')
}

const WATCHTOWER = 'com.centurylinklabs.watchtower'

/** Watchtower's labels in the compose file take something away, and never add. */
function byLabels(service: ComposeService, mode: Mode): Mode {
  if (watchtowerLabel(service, 'enable') === 'false') return 'off'
  return mode === 'update' && watchtowerLabel(service, 'monitor-only') === 'true' ? 'notify' : mode
}

function oddLabels(name: string, service: ComposeService): string[] {
  return (['enable', 'monitor-only'] as const).flatMap((which) => {
    const value = watchtowerLabel(service, which)
    if (value === undefined || value === 'true' || value === 'false') return []
    return [`the label ${WATCHTOWER}.${which} of "${name}" must be true or false, and is ${shown(value)}`]
  })
}

const Labels = z.record(z.string(), z.string())

function watchtowerLabel({ labels }: ComposeService, which: 'enable' | 'monitor-only'): string | undefined {
  return Labels.safeParse(labels).data?.[`${WATCHTOWER}.${which}`]?.toLowerCase()
}

/** A line for each mistake: where it is, what is wanted there, and what was found. */
function tell(where: string, section: unknown, { issues }: z.ZodError): string[] {
  return issues.map((issue) => {
    if (issue.code === 'unrecognized_keys') return `${where} has ${issue.keys.join(', ')}, which means nothing`
    const name = issue.path.join('.')
    const found = issue.path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown>)[key], section)
    return `${name ? `${name} of ${where}` : where} must be ${issue.message}, and is ${shown(found)}`
  })
}

/** The most that is said of what was found. */
const LENGTH = 60

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > LENGTH ? `${text.slice(0, LENGTH)}…` : text
}
