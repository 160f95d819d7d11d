// `npm run chaos [-- rounds [seed]]`: the long form of tests/chaos.
import { runChaos } from '../lab/chaos/run-chaos.ts'
import { startEngine } from '../lab/engine.ts'
import { startRegistry } from '../lab/registry.ts'

const rounds = Number(process.argv[2] ?? 100)
const seed = Number(process.argv[3] ?? Date.now() % 100_000)
if (!Number.isInteger(rounds) || rounds < 1 || !Number.isInteger(seed)) {
  process.stderr.write('usage: npm run chaos -- [rounds] [seed]\n')
  process.exit(64)
}
process.stdout.write(`${rounds} rounds with seed ${seed}\n`)
const engine = await startEngine()
const registry = await startRegistry()
const result = await runChaos(engine, registry.address, { rounds, seed, say: (line) => process.stdout.write(`${line}\n`) })
await registry.stop()
await engine.stop()
const faults = Object.entries(result.faults).map(([fault, count]) => `  ${fault.padEnd(28)} ${count}\n`)
process.stdout.write(
  `\n${result.rounds} rounds, ${result.jobs} jobs: ${result.succeeded} succeeded, ${result.failed} failed as they should\n`,
)
process.stdout.write(
  `faults that hit:\n${faults.join('')}findings: ${result.findings.length}\n${result.findings.map((one) => `  ${one}\n`).join('')}`,
)
process.exit(result.findings.length === 0 ? 0 : 1)
