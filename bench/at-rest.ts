import { startChild } from '../lab/child.ts'
import { freePort } from '../lab/free-port.ts'
import { serviceEnv } from '../lab/service.ts'
import { until } from '../lab/until.ts'
import { NODE_OPTIONS } from '../launcher/node-options.mjs'
import { addIdleStacks, knownStacks, rest, withWorld, type Bench } from './bench-world.ts'
import { join } from 'node:path'
import { asFigure, median, timed, type Measurement } from './measure.ts'
import { cpuTicks, residentMegabytes } from './process-stats.ts'

/** API and worker in one process, 20 stacks, nothing to do: memory, processor, and how long a start takes. */
export function measureAtRest(bench: Bench, seconds: number, starts: number): Promise<Measurement[]> {
  return withWorld(bench, async (world) => {
    addIdleStacks(world, 20)
    const times: number[] = []
    const launcher = join(import.meta.dirname, '../launcher/main.ts')
    for (let index = 0; index < starts; index++) {
      const port = String(await freePort())
      const env = serviceEnv({ HOST: '127.0.0.1', ...world.settings, PORT: port })
      let stop: (() => Promise<void>) | undefined
      times.push(
        await timed(async () => {
          stop = startChild(process.execPath, [...NODE_OPTIONS, launcher, 'all'], env).stop
          await until('readiness', async () => (await fetch(`http://127.0.0.1:${port}/ready`)).ok)
        }),
      )
      await stop?.()
    }
    /** @returns Percent of one core, and megabytes. */
    const atRest = async (settings: Record<string, string>) => {
      const service = await world.start('all', settings)
      await knownStacks(service.client, 20)
      const pid = service.process.pid ?? 0
      await rest(10)
      const ticks = cpuTicks(pid)
      await rest(seconds)
      const found = { percent: (cpuTicks(pid) - ticks) / seconds, memory: residentMegabytes(pid) }
      await service.stop()
      return found
    }
    const { percent, memory } = await atRest({})
    const watching = await atRest({ WATCH: 'update' })
    return [
      asFigure('memory at rest, API and worker in one process, 20 stacks', 'MB', memory, 130),
      asFigure('processor at rest', '%', percent, 0.5, [], `over ${seconds} s, of one core`),
      asFigure('processor at rest with WATCH=update, above that', '%', Math.max(0, watching.percent - percent), 0.1, [], 'of one core'),
      // The first start compiles what the others find compiled.
      asFigure('start to ready', 'ms', median(times.slice(1)), 1000, times.slice(1)),
    ]
  })
}
