import { InvalidArgumentError, Option, type Command } from 'commander'
import type { ApiClient } from './api-client.ts'
import { fromWatchtower } from './commands/from-watchtower.ts'
import { holdStack, releaseStack } from './commands/hold.ts'
import type { StartOptions } from './commands/start-job.ts'
import { checkStacks, listUpdates, skipUpdate } from './commands/updates.ts'
import type { Terminal } from './context.ts'

/** What the commands of this file share with all others. */
interface Shared {
  api: () => ApiClient
  terminal: Terminal
  /** The option `--json`. */
  json: () => Option
  /** The option `--timeout`. */
  seconds: () => Option
  /** Told how the command has ended. */
  end: (exitCode: number) => void
}

const HOST = ['--host <name>', 'the host, where several have the stack'] as const
const UNITS: Record<string, number> = { m: 60, h: 3600, d: 86_400, w: 604_800 }
const TIME_WITH_ZONE = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/

/** Adds the commands about new images and holds. */
export function addWatchCommands(program: Command, { api, terminal, json, seconds, end }: Shared): void {
  program
    .command('check [stack]')
    .description('ask the registries for newer images now; all stacks when none is named')
    .option('--detach', "only start it, and print the job's id")
    .option(...HOST)
    .addOption(seconds())
    .addOption(json())
    .action(async (stack: string | undefined, options: StartOptions) => {
      end(await checkStacks(stack, { ...options, wait: true }, api(), terminal))
    })
  program
    .command('updates')
    .description('newer images, and why they are not deployed yet')
    .addOption(json())
    .action(async (options: { json?: boolean }) => {
      end(await listUpdates(options.json, api(), terminal))
    })
  program
    .command('skip <stack> <service>')
    .description('leave the newer image of a service out, until its name has another one')
    .option(...HOST)
    .addOption(json())
    .action(async (stack: string, service: string, options: { host?: string; json?: boolean }) => {
      end(await skipUpdate(stack, service, options, api(), terminal))
    })
  program
    .command('hold <stack>')
    .description('hold a stack, so that nobody deploys it')
    .requiredOption('--reason <text>', 'why, for whoever is refused')
    .option('--until <when>', 'when it ends by itself: 3d, 12h, 30m, or a time such as 2027-01-01T08:00:00Z', parseUntil)
    .option(...HOST)
    .addOption(json())
    .action(async (stack: string, options: { reason: string; until?: string; host?: string; json?: boolean }) => {
      end(await holdStack(stack, options, api(), terminal))
    })
  program
    .command('release-hold <stack>')
    .description('release a stack that is held')
    .option(...HOST)
    .addOption(json())
    .action(async (stack: string, options: { host?: string; json?: boolean }) => {
      end(await releaseStack(stack, options, api(), terminal))
    })
  program
    .command('from-watchtower')
    .description("print a Watchtower's settings as Deployer's: docker inspect watchtower | deployer from-watchtower")
    .option('--notify-urls', 'print only the addresses of its messages, which are secrets: one a line, for NOTIFY_URLS_FILE')
    .addOption(json())
    .action(async (options: { notifyUrls?: boolean; json?: boolean }) => {
      end(await fromWatchtower(options, process.stdin, terminal))
    })
}

/** @returns RFC 3339. */
function parseUntil(text: string): string {
  const [, count = '', unit = ''] = /^([1-9]\d{0,4})([mhdw])$/.exec(text) ?? []
  const time = count ? Date.now() + Number(count) * (UNITS[unit] ?? 0) * 1000 : TIME_WITH_ZONE.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(time))
    throw new InvalidArgumentError('It must be a duration such as 3d, 12h or 30m, or a time such as 2027-01-01T08:00:00Z.')
  return new Date(time).toISOString()
}
