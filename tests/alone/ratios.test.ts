import { expect, it } from 'vitest'
import { measureUnchanged } from '../../bench/deploys.ts'
import { measureRequests } from '../../bench/requests.ts'
import { engine, registry } from '../support.ts'

const bench = { engine, registry, say: () => undefined }

it('deploys what has nothing to change in at most three quarters of the time that a shell takes', async () => {
  const measured = await measureUnchanged(bench, 7)
  process.stdout.write(`   ${measured.what}: ${measured.ratio?.toFixed(2)} of the shell's time\n`)
  expect(measured.ratio, JSON.stringify(measured)).toBeLessThanOrEqual(0.75)
})

it("accepts and stores at least half as many signed requests as Debian's webhook only accepts", async () => {
  const [measured] = await measureRequests(bench, 3, 1)
  process.stdout.write(`   ${measured?.what}: ${measured?.ratio?.toFixed(2)} of webhook\n`)
  expect(measured?.ratio, JSON.stringify(measured)).toBeGreaterThanOrEqual(0.5)
})
