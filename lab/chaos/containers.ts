import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Engine } from '../engine.ts'
import { startShipped, type Part } from '../shipped.ts'
import { until } from '../until.ts'
import type { World } from '../world.ts'
import { awhile, type Fault, type Round, type System } from './fault.ts'

/** What docker-compose.yml starts. @param builder The engine that builds its images. */
export async function startContainers(engine: Engine, world: World, builder: Engine): Promise<System> {
  const shipped = await startShipped(engine, world, { STEADY_TIME: '1', MIN_FREE_DISK: '0' }, builder)
  // An engine that is away for a moment does not save a part from its fault.
  const surely = (what: string, act: () => Promise<void>) => until(what, () => act().then(() => true), 180)
  const end = async (part: Part, signal: 'SIGTERM' | 'SIGKILL', pause: number, meanwhile: () => void = () => undefined) => {
    await surely(`${part} to end`, () => shipped.stop(part, signal))
    meanwhile()
    await delay(pause)
    await surely(`${part} to start`, () => shipped.start(part))
    return true
  }
  const hold = async (part: Part, pause: number) => {
    const thaw = await until(`${part} to stop where it is`, () => shipped.freeze(part), 180)
    await delay(pause)
    thaw()
    return true
  }
  const fault = (name: string, at: Part, putIn: (round: Round) => Promise<boolean>, excuses: Fault['excuses'] = 'nothing'): Fault => ({
    name,
    at,
    excuses,
    putIn,
  })
  const volume = (await engine.docker('volume', 'ls', '-q', '--filter', `name=${shipped.project}_redis-data`)).trim()
  const data = (await engine.docker('volume', 'inspect', '--format', '{{.Mountpoint}}', volume)).trim()
  return {
    client: () => shipped.client,
    faults: [
      // Its compose ends with it, since both are in one container.
      fault('kill worker', 'worker', ({ random }) => end('worker', 'SIGKILL', random.below(1500))),
      fault('stop worker', 'worker', ({ random }) => end('worker', 'SIGTERM', random.below(1500))),
      fault('kill worker in rollback', 'worker', async (round) => (await round.untilRollback()) && end('worker', 'SIGKILL', 0)),
      fault('freeze worker', 'worker', ({ random }) => hold('worker', random.chance(0.5) ? 9000 : random.below(1500))),
      fault('kill API', 'api', ({ random }) => end('api', 'SIGKILL', random.below(1500))),
      fault('stop API', 'api', ({ random }) => end('api', 'SIGTERM', random.below(1500))),
      fault('kill Redis', 'redis', ({ random }) => end('redis', 'SIGKILL', awhile(random))),
      fault('stop Redis', 'redis', ({ random }) => end('redis', 'SIGTERM', awhile(random))),
      fault('freeze Redis', 'redis', ({ random }) => hold('redis', awhile(random))),
      fault(
        'Redis empty',
        'redis',
        () => end('redis', 'SIGKILL', 0, () => rmSync(join(data, 'appendonlydir'), { recursive: true, force: true })),
        'loss',
      ),
    ],
    close: () => shipped.close(),
  }
}
