// `npm run bench [-- name …]`: every figure of bench/README.md, each against its baseline in the same run.
import { writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startEngine } from '../lab/engine.ts'
import { startRegistry } from '../lab/registry.ts'
import { measureAtRest } from './at-rest.ts'
import type { Bench } from './bench-world.ts'
import { measureBurst, measureOutage, measureReplaced, measureUnchanged } from './deploys.ts'
import { measureFirstProcess } from './first-process.ts'
import { measureGrowth } from './growth.ts'
import { measureHeld } from './held.ts'
import { measureImage } from './image.ts'
import type { Measurement } from './measure.ts'
import { drawGrowth } from './plot.ts'
import { measureRequests } from './requests.ts'
import { formatGrowth, formatMeasurements } from './table.ts'
import { measureWaiters } from './waiters.ts'
import { measureWatching } from './watching.ts'

/** Every measurement by its name; each gives one figure or several. */
const MEASUREMENTS: Record<string, (bench: Bench) => Promise<Measurement | Measurement[]>> = {
  unchanged: (bench) => measureUnchanged(bench, 21),
  replaced: (bench) => measureReplaced(bench, 11),
  outage: (bench) => measureOutage(bench, 7),
  burst: (bench) => measureBurst(bench, 50, 5),
  first: (bench) => measureFirstProcess(bench, 51),
  requests: (bench) => measureRequests(bench, 7, 4),
  waiters: (bench) => measureWaiters(bench, 5000),
  rest: (bench) => measureAtRest(bench, 60, 6),
  watching: (bench) => measureWatching(bench, 100, 3),
  image: (bench) => measureImage(bench),
}
const GROWTH = 'growth'
/** Measured when they are named: they need some 25,000 descriptors, or measure with fewer. */
const NAMED: Record<string, (bench: Bench) => Promise<Measurement[]>> = { held: (bench) => measureHeld(bench) }

const { positionals } = parseArgs({ allowPositionals: true })
const known = [...Object.keys(MEASUREMENTS), GROWTH, ...Object.keys(NAMED)]
const unknown = positionals.find((name) => !known.includes(name))
if (unknown !== undefined) {
  process.stderr.write(`There is no measurement "${unknown}". Known: ${known.join(', ')}\n`)
  process.exit(64)
}
const wanted = positionals.length === 0 ? [...Object.keys(MEASUREMENTS), GROWTH] : positionals
const say = (line: string) => process.stderr.write(`${line}\n`)

const engine = await startEngine()
const registry = await startRegistry()
const bench: Bench = { engine, registry: registry.address, say }
const measurements: Measurement[] = []
for (const [name, measure] of Object.entries({ ...MEASUREMENTS, ...NAMED })) {
  if (!wanted.includes(name)) continue
  say(`measuring: ${name} …`)
  measurements.push(...[await measure(bench)].flat())
}
if (measurements.length > 0) process.stdout.write(`${formatMeasurements(measurements)}\n`)
if (wanted.includes(GROWTH)) say('measuring: growth …')
const growth = wanted.includes(GROWTH) ? await measureGrowth(bench) : null
if (growth) {
  process.stdout.write(`\n${formatGrowth(growth)}\n`)
  writeFileSync(join(import.meta.dirname, 'growth.svg'), drawGrowth(growth))
}
if (positionals.length === 0) {
  const machine = { cores: cpus().length, memory_gib: Math.round(totalmem() / 2 ** 30), node: process.versions.node }
  const results = { made_at: new Date().toISOString(), machine, measurements, growth }
  writeFileSync(join(import.meta.dirname, 'results.json'), `${JSON.stringify(results, null, 2)}\n`)
  say('\nwritten: bench/results.json, bench/growth.svg')
}
await registry.stop()
await engine.stop()
process.exit(measurements.every(({ met }) => met) ? 0 : 1)
