#!/usr/local/bin/node
// The command line `deployer`. Only what a command needs is loaded: `doctor` looks at the host as a worker does.
import type { Finding } from '@deployer/shared/finding'

interface CommandLine {
  run(args: string[], env: NodeJS.ProcessEnv, doctor: (say: (finding: Finding) => void) => Promise<Finding[]>): Promise<number>
}
interface Doctor {
  doctor(env: NodeJS.ProcessEnv, say: (finding: Finding) => void, checkChannels: unknown): Promise<Finding[]>
}

/** Their modules, by name: the launcher is the one place that knows the apps. */
const ENTRY = {
  cli: '../apps/cli/src/main.ts',
  doctor: '../apps/worker/src/doctor/doctor.ts',
  channels: '../apps/api/src/notify/check-channels.ts',
} as const

const { run } = (await import(ENTRY.cli)) as CommandLine
process.exitCode = await run(process.argv.slice(2), process.env, async (say) => {
  const { checkChannels } = (await import(ENTRY.channels)) as { checkChannels: unknown }
  return ((await import(ENTRY.doctor)) as Doctor).doctor(process.env, say, checkChannels)
})
