import { setTimeout as delay } from 'node:timers/promises'
import { composeProcesses } from '../compose-watch.ts'
import { freePort } from '../free-port.ts'
import { startRedis } from '../redis.ts'
import type { Service } from '../service.ts'
import { signalProcess } from '../signal-process.ts'
import type { World } from '../world.ts'
import { awhile, type Fault, type Round, type System } from './fault.ts'

/** An API, two workers and a Redis as processes of this machine. */
export async function startProcesses(world: World, dirs: string[]): Promise<System> {
  const redis = await startRedis()
  const settings = { REDIS_URL: redis.url, LOG_LEVEL: 'info' }
  // The API comes back at its old address, as behind a proxy.
  const apiSettings = { ...settings, PORT: String(await freePort()) }
  let api = await world.start('api', apiSettings)
  const workers: [Service, Service] = [await world.start('worker', settings), await world.start('worker', settings)]

  const workerFault = (index: 0 | 1, name: string, putIn: (worker: Service, round: Round) => Promise<boolean>): Fault => ({
    name,
    at: `worker ${index}`,
    excuses: 'nothing',
    putIn: async (round) => putIn(workers[index], round),
  })
  const replace = async (index: 0 | 1, pause: number, besides: number[] = []) => {
    await workers[index].stop('SIGKILL')
    for (const pid of besides) signalProcess(pid, 'SIGKILL')
    await delay(pause)
    workers[index] = await world.start('worker', settings)
    return true
  }
  const onWorker = (index: 0 | 1): Fault[] => [
    workerFault(index, 'kill worker', (_, { random }) => replace(index, random.below(1500))),
    workerFault(index, 'kill worker and its compose', (_, { random }) => replace(index, random.below(1500), composeProcesses(...dirs))),
    workerFault(index, 'kill worker in rollback', async (_, round) => (await round.untilRollback()) && replace(index, 0)),
    workerFault(index, 'freeze worker', async ({ process }, { random }) => {
      process.kill('SIGSTOP')
      // Longer than the job's lock lasts, sometimes: the other worker takes the job meanwhile.
      await delay(random.chance(0.5) ? 9000 : random.below(1500))
      process.kill('SIGCONT')
      return true
    }),
  ]
  const onRedis = (name: string, excuses: Fault['excuses'], putIn: (round: Round) => Promise<unknown>): Fault => ({
    name,
    at: 'Redis',
    excuses,
    putIn: async (round) => putIn(round).then(() => true),
  })
  /** A setting under which every write is refused, for a while. */
  const refuseWrites = async (setting: string, value: string, round: Round) => {
    await redis.cli('config', 'set', setting, value)
    await delay(awhile(round.random))
    await redis.cli('config', 'set', setting, '0')
  }
  return {
    client: () => api.client,
    faults: [
      ...onWorker(0),
      ...onWorker(1),
      {
        name: 'kill API',
        at: 'API',
        excuses: 'nothing',
        async putIn({ random }) {
          await api.stop('SIGKILL')
          await delay(random.below(1500))
          api = await world.start('api', apiSettings)
          return true
        },
      },
      onRedis('kill Redis', 'nothing', async ({ random }) => {
        await redis.stop('SIGKILL')
        await delay(awhile(random))
        await redis.start()
      }),
      onRedis('freeze Redis', 'nothing', async ({ random }) => {
        redis.signal('SIGSTOP')
        await delay(awhile(random))
        redis.signal('SIGCONT')
      }),
      onRedis('Redis read-only', 'nothing', (round) => refuseWrites('min-replicas-to-write', '1', round)),
      onRedis('Redis full', 'nothing', (round) => refuseWrites('maxmemory', '1', round)),
      onRedis('Redis empty', 'loss', () => redis.cli('flushall')),
    ],
    close: () => redis.close(),
  }
}
