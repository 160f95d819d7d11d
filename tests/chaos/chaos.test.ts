import { expect, it } from 'vitest'
import { runChaos } from '../../lab/chaos/run-chaos.ts'
import { engine } from '../support.ts'

it.each([
  ['containers', 2],
  ['processes', 1],
] as const)('loses nothing in a few rounds of kills and freezes: %s', { timeout: 400_000 }, async (system, rounds) => {
  const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 100_000)
  const say = (line: string) => void process.stdout.write(`   ${line}\n`)
  const result = await runChaos({ rounds, seed, system, engine, own: null, builder: engine, say })
  expect(result.findings, `seed ${seed}`).toEqual([])
  expect(result.jobs).toBeGreaterThan(0)
})
