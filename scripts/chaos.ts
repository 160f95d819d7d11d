// `npm run chaos [-- [containers|processes] rounds [seed] [--live-restore]]`: the long form of tests/chaos, on an engine of its own that is broken too.
import { parseArgs } from 'node:util'
import { runChaos } from '../lab/chaos/run-chaos.ts'
import { startEngine } from '../lab/engine.ts'
import { fetchNewestPair } from '../lab/newest-pair.ts'
import { startOwnEngine } from '../lab/own-engine.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'live-restore': { type: 'boolean', default: false }, newest: { type: 'boolean', default: false } },
})
const [system = 'containers', rounds = '100', seed = String(Date.now() % 100_000)] = positionals
const isSystem = (name: string): name is 'containers' | 'processes' => ['containers', 'processes'].includes(name)
if (!isSystem(system) || !/^[1-9]\d*$/.test(rounds) || !/^\d+$/.test(seed)) {
  process.stderr.write('usage: npm run chaos -- [containers|processes] [rounds] [seed] [--live-restore] [--newest]\n')
  process.exit(64)
}
if (values.newest) Object.assign(process.env, await fetchNewestPair())
const builder = await startEngine()
const engine = await startOwnEngine({ liveRestore: values['live-restore'] })
const version = (await engine.docker('version', '--format', '{{.Server.Version}}')).trim()
process.stdout.write(`${rounds} rounds with seed ${seed}: ${system} on Docker Engine ${version}\n`)
const say = (line: string) => void process.stdout.write(`${line}\n`)
const result = await runChaos({ rounds: Number(rounds), seed: Number(seed), system, engine, own: engine, builder, say })
await engine.stop()
await builder.stop()
say(
  `\n${result.rounds} rounds, ${result.jobs} jobs: ${result.succeeded} succeeded, ${result.failed} failed as they should, ${result.lost} asked for again`,
)
say(`faults that hit:\n${[...result.faults].map(([fault, count]) => `  ${fault.padEnd(28)} ${count}`).join('\n')}`)
if (result.keptPorts > 0) say(`ports that a killed engine kept until it was started again: ${result.keptPorts}`)
say(`findings: ${result.findings.length}\n${result.findings.map((one) => `  ${one}`).join('\n')}`)
process.exit(result.findings.length === 0 ? 0 : 1)
