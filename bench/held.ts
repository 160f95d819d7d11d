import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { hmac } from '../lab/client.ts'
import { startRedis } from '../lab/redis.ts'
import { until } from '../lab/until.ts'
import { addIdleStacks, knownStacks, rest, withWorld, type Bench } from './bench-world.ts'
import { asFigure, median, percentile, timed, type Measurement } from './measure.ts'
import { residentMegabytes } from './process-stats.ts'

/** Entries of the job's stream, of 32 KiB each: more than all readers together could keep. */
const ENTRIES = 2000
/** Connections that are opened at the same time: more of them over which nothing has been proven would be let go. */
const AT_ONCE = 100

/** The most that are held, as far as descriptors go: here, and in the API, which keeps some of its own for others. */
function most(): { waits: number; streams: number } {
  const descriptors = Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1])
  return descriptors >= 30_000 ? { waits: 20_000, streams: 2000 } : { waits: 15_000, streams: 1500 }
}

/** What the most answers that one API process holds cost it: memory, and the time of `/health` beside them. */
export function measureHeld(bench: Bench): Promise<Measurement[]> {
  const { waits, streams } = most()
  return withWorld(bench, async (world) => {
    const redis = await startRedis()
    const [name = ''] = addIdleStacks(world, 1)
    const settings = { REDIS_URL: redis.url, LOG_LEVEL: 'warn' }
    const worker = await world.start('worker', { REDIS_URL: redis.url })
    await worker.stop()
    const api = await world.start('api', settings)
    await knownStacks(api.client, 1)
    const id: string = (await api.client.plain('POST', `/deploy/${name}`, name)).body.job_id
    const script = `for i = 1, ${ENTRIES} do redis.call('XADD', KEYS[1], '*', 'event', 'log', 'data', cjson.encode({step = 'pull', line = string.rep('x', 32768)})) end`
    const memory = () => residentMegabytes(api.process.pid ?? 0)
    const settled = async (): Promise<number> => {
      let last = Number.NaN
      await until(
        'the memory to stand still',
        async () => {
          const now = memory()
          const still = Math.abs(now - last) < 1
          last = now
          await rest(2)
          return still
        },
        120,
      )
      return last
    }
    const health = async () => {
      const times: number[] = []
      for (let index = 0; index < 200; index++) times.push(await timed(() => api.client.raw('GET', '/health')))
      return times
    }
    const port = Number(new URL(api.client.url).port)
    const signature = hmac(world.secret, id)
    const open = async (path: string, count: number, onSocket: (socket: Socket) => void) => {
      const request = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nX-Signature: ${signature}\r\n\r\n`
      for (let opened = 0; opened < count; opened += AT_ONCE) {
        await Promise.all(
          Array.from({ length: AT_ONCE }, async (_, index) => {
            // Of several addresses, since one has only so many ports.
            const socket = connect({ port, host: '127.0.0.1', localAddress: `127.0.1.${1 + (index % 50)}` })
            socket.on('error', () => undefined)
            onSocket(socket)
            await once(socket, 'connect')
            socket.write(request)
          }),
        )
        await api.client.plain('GET', '/stacks', 'stacks')
      }
    }

    const alone = await settled()
    const quick = await health()
    let answered = 0
    const waiting: Socket[] = []
    await open(`/jobs/${id}?wait=true&timeout=1500`, waits, (socket) => {
      waiting.push(socket)
      socket.once('data', () => answered++)
    })
    const withWaits = await settled()
    const besideWaits = await health()
    bench.say(`${waits} waits: ${alone.toFixed(0)} MB alone, ${withWaits.toFixed(0)} MB with them, ${answered} answered too early`)

    await redis.cli('eval', script, '1', `deployer:events:${id}`)
    const unread: Socket[] = []
    await open(`/jobs/${id}/events`, streams, (socket) => unread.push(socket))
    const withStreams = await settled()
    const besideAll = await health()
    bench.say(`${streams} unread streams beside them: ${withStreams.toFixed(0)} MB`)

    await api.client.timed('DELETE', `/jobs/${id}`)
    await until('all who wait to be answered', () => answered === waits, 60)
    if (api.process.exitCode !== null) throw new Error('the API has ended')
    for (const socket of [...waiting, ...unread]) socket.destroy()
    await redis.close()
    const beside = `median ${median(quick).toFixed(1)} ms alone, ${median(besideWaits).toFixed(1)} beside the waits, ${median(besideAll).toFixed(1)} beside all`
    const [own, other] = [percentile(besideAll, 99), percentile(quick, 99)]
    return [
      asFigure(`${waits} callers that wait: memory of the API`, 'MB', withWaits - alone, 500, [], `${alone.toFixed(0)} MB without them`),
      asFigure(`${streams} event streams that nobody reads, beside them`, 'MB', withStreams - withWaits, 100),
      asFigure('GET /health beside all of them, 99th percentile', 'ms', own, 100, [], `${other.toFixed(1)} ms alone; ${beside}`),
    ]
  })
}
