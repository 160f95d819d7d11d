import tab from '@bomb.sh/tab/commander'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { styleText } from 'node:util'
import { Expect } from '@deployer/shared/expect'
import { printable } from '@deployer/shared/printable'
import { version } from '@deployer/shared/version'
import { createApiClient } from './api-client.ts'
import { showFindings, type Doctor } from './commands/doctor.ts'
import { forgetHost, listHosts } from './commands/hosts.ts'
import { cancelJob, listJobs, listStacks, showJob, showLogs } from './commands/read.ts'
import { showPlan } from './commands/plan.ts'
import { testNotify } from './commands/notify.ts'
import { listReleases } from './commands/releases.ts'
import { signRequest } from './commands/sign.ts'
import { startJob, type StartOptions } from './commands/start-job.ts'
import { readConnection, readCredentials, type Terminal } from './context.ts'
import { CommandEnd, EXIT } from './exit-codes.ts'
import { addWatchCommands } from './watch-commands.ts'

const ENVIRONMENT = `
Environment:
  DEPLOYER_URL       where Deployer is (http://127.0.0.1:8080)
  DEPLOY_SECRET      the secret to sign with; DEPLOY_SECRET_FILE reads it from a file
  DEPLOYER_KEY_ID    the id of a scoped key, whose secret DEPLOY_SECRET then is
  DEPLOYER_TOKEN     an OpenID Connect token, instead of a secret

Exit codes:
  0 deployed   1 failed or canceled   2 wrong usage   3 refused   4 unreachable   5 still going when the time was over

Examples:
  deployer stacks                      what there is
  deployer deploy media                deploy, with live steps
  deployer deploy media --detach       only start it, print the job's id
  deployer logs <id> -f                what compose says, as it says it
  deployer plan media                  what a deploy would do
  deployer releases media              what has run, the newest first
  deployer updates                     newer images, and why they are not deployed yet
  deployer hold media --reason … --until 3d   nobody deploys it
  deployer rollback media --to 7       back to one of them; without --to, to the one before
  deployer doctor                      what is wrong on this host, and what to do
  source <(deployer completion bash)   completion; also zsh, fish, powershell`

/**
 * Runs the command line.
 *
 * @param args Without the program's own name.
 * @param doctor Looks at this host.
 * @returns The exit code.
 */
export async function run(args: string[], env: NodeJS.ProcessEnv, doctor: Doctor): Promise<number> {
  const json = args.includes('--json')
  const terminal = createTerminal(json)
  let exitCode = 0
  const api = () => createApiClient(readConnection(env), (seconds) => terminal.warn(`told to come again: trying again in ${seconds} s`))
  const program = new Command('deployer')
    .description('Deploys Docker Compose stacks through Deployer, and looks after them.')
    .version(version)
    .addHelpText('after', ENVIRONMENT)
    .showHelpAfterError('(deployer --help tells more)')
    .exitOverride()
  const jsonOption = () => new Option('--json', 'print JSON, and nothing else, on standard output')
  const seconds = () =>
    new Option('--timeout <seconds>', 'how long to follow the job; it goes on after that').default(1500).argParser(parseSeconds)

  for (const [action, description] of [
    ['deploy', 'deploy a stack: status, config, pull, up, verify'],
    ['rollback', 'make the release before run again, or another one'],
  ] as const) {
    const command = program.command(`${action} <stack>`).description(description)
    if (action === 'deploy') {
      command.option('--expect <service=digest>', 'the digest that a service must get, service=sha256:…; may be given again', parseExpect)
    } else command.option('--to <number>', 'the number of a release: deployer releases <stack>', parseRelease)
    command
      .addOption(new Option('--follow', 'show each step as it happens (the default)').conflicts(['wait', 'detach']))
      .addOption(new Option('--wait', 'say nothing until the end').conflicts('detach'))
      .option('--detach', "only start it, and print the job's id")
      .option('--host <name>', 'the host, where several have the stack')
      .addOption(seconds())
      .addOption(jsonOption())
      .action(async (stack: string, options: StartOptions) => {
        exitCode = await startJob(action, stack, options, api(), terminal)
      })
  }
  program
    .command('plan <stack>')
    .description('what a deploy would do, service by service; changes nothing')
    .addHelpText('after', '\nExit code 3: the deploy would be refused.')
    .option('--host <name>', 'the host, where several have the stack')
    .addOption(seconds())
    .addOption(jsonOption())
    .action(async (stack: string, options: StartOptions) => {
      exitCode = await showPlan(stack, options, api(), terminal)
    })
  program
    .command('releases <stack>')
    .description('the kept releases of a stack, the newest first')
    .option('--host <name>', 'the host, where several have the stack')
    .addOption(jsonOption())
    .action(async (stack: string, options: { host?: string; json?: boolean }) => {
      exitCode = await listReleases(stack, options, api(), terminal)
    })
  addWatchCommands(program, { api, terminal, json: jsonOption, seconds, end: (code) => (exitCode = code) })
  program
    .command('job <id>')
    .description('a job with its steps; the exit code tells how it ended')
    .addOption(jsonOption())
    .action(async (id: string, options: { json?: boolean }) => {
      exitCode = await showJob(id, options.json, api(), terminal)
    })
  program
    .command('jobs')
    .description('the newest jobs')
    .option('--stack <name>', 'of one stack')
    .addOption(new Option('--state <state>', 'in one state').choices(['queued', 'running', 'succeeded', 'failed', 'canceled']))
    .option('--limit <count>', 'so many', '20')
    .addOption(jsonOption())
    .action(async (options: { json?: boolean }) => {
      exitCode = await listJobs(options, api(), terminal)
    })
  program
    .command('stacks')
    .description('every stack with its host, state, services and last job')
    .addOption(jsonOption())
    .action(async (options: { json?: boolean }) => {
      exitCode = await listStacks(options.json, api(), terminal)
    })
  const hosts = program
    .command('hosts')
    .description('every host with its state, stacks, release and engine')
    .addOption(jsonOption())
    .action(async (options: { json?: boolean }) => {
      exitCode = await listHosts(options.json, api(), terminal)
    })
  hosts
    .command('forget <name>')
    .description('forget a host that is away for good; its jobs end')
    .addOption(jsonOption())
    .action(async (name: string, _options: unknown, command: Command) => {
      exitCode = await forgetHost(name, command.optsWithGlobals<{ json?: boolean }>().json, api(), terminal)
    })
  program
    .command('logs <id>')
    .description('what compose said, line by line')
    .option('-f, --follow', 'go on until the job ends; the exit code tells how')
    .addOption(seconds())
    .action(async (id: string, options: { follow?: boolean; timeout: number }) => {
      exitCode = await showLogs(id, options, api(), terminal)
    })
  program
    .command('cancel <id>')
    .description('cancel a job, until `up` has begun')
    .addOption(jsonOption())
    .action(async (id: string, options: { json?: boolean }) => {
      exitCode = await cancelJob(id, options.json, api(), terminal)
    })
  program
    .command('notify')
    .description('send a test message to every channel of NOTIFY_URLS')
    .addHelpText('after', '\nExit code 1: one of them has not taken it, or there is none.')
    .addOption(new Option('--test', 'what it does').makeOptionMandatory())
    .addOption(jsonOption())
    .action(async (options: { json?: boolean }) => {
      exitCode = await testNotify(options.json, api(), terminal)
    })
  program
    .command('sign')
    .description('print the headers of a signed request: deployer sign --path /deploy/media | curl -X POST -H @- …')
    .option('--method <method>', 'the method', 'POST')
    .option('--path <path>', 'the path with its query, as it will be sent', '/deploy')
    .option('--body <text>', 'the body, as it will be sent', '')
    .option('--plain <subject>', 'a plain signature: over the body, or this (the stack, the job’s id) when there is none')
    .addOption(jsonOption())
    .action((options: Parameters<typeof signRequest>[0]) => {
      exitCode = signRequest(options, readCredentials(env), terminal)
    })
  program
    .command('doctor')
    .description('check what can be wrong on this host: engine, compose, paths, Redis, secret, stacks')
    .addHelpText('after', '\nRun it where the worker runs, with its environment. Exit code 1: something must be mended.')
    .addOption(jsonOption())
    .action(async (options: { json?: boolean }) => {
      exitCode = await showFindings(doctor, options.json, terminal)
    })
  tab(program, { completionCommandName: 'completion' })

  try {
    await program.parseAsync(args, { from: 'user' })
    return exitCode
  } catch (error) {
    // Help and version that were asked for end well; everything else of commander's is about usage.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage
    if (!(error instanceof CommandEnd)) throw error
    if (json && error.answer !== undefined) terminal.print(JSON.stringify(error.answer))
    terminal.warn(error.message)
    return error.exitCode
  }
}

function createTerminal(json: boolean): Terminal {
  // What came from a server, and through it from anybody's container, must not be obeyed by the terminal.
  const line = (stream: NodeJS.WriteStream) => (text: string) => void stream.write(`${printable(text)}\n`)
  return {
    print: line(process.stdout),
    say: line(json ? process.stderr : process.stdout),
    warn: line(process.stderr),
    printRed: (text) => void process.stdout.write(`${styleText('red', printable(text), { stream: process.stdout })}\n`),
    // A terminal without a width cannot be drawn on.
    interactive: process.stderr.isTTY && process.stderr.columns > 0 && !json,
  }
}

function parseSeconds(text: string): number {
  const value = Number(text)
  if (!/^\d{1,6}$/.test(text) || value < 1) throw new InvalidArgumentError('It must be a number of seconds.')
  return value
}

function parseRelease(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be the number of a release.')
  return Number(text)
}

/** @param before Those that were given before it. */
function parseExpect(text: string, before: Expect = {}): Expect {
  const [service = '', digest = ''] = text.split(/=(.*)/s)
  const expected = Expect.safeParse({ [service]: digest })
  if (!expected.success) throw new InvalidArgumentError('It must be service=sha256:… with 64 hex digits.')
  return { ...before, ...expected.data }
}
