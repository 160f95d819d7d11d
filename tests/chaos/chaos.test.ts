import { expect, it } from 'vitest'
import { runChaos } from '../../lab/chaos/run-chaos.ts'
import { engine, registry } from '../support.ts'

it('loses nothing in a few rounds of kills and freezes', { timeout: 400_000 }, async () => {
  const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 100_000)
  const result = await runChaos(engine, registry, { rounds: 4, seed, say: (line) => process.stdout.write(`   ${line}\n`) })
  expect(result.findings, `seed ${seed}`).toEqual([])
  expect(result.jobs).toBeGreaterThan(0)
})
