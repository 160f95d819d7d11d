import { hmac } from '../lab/client.ts'
import { startRedis } from '../lab/redis.ts'
import { until } from '../lab/until.ts'
import { addIdleStacks, knownStacks, withWorld, type Bench } from './bench-world.ts'
import { asFigure, type Measurement } from './measure.ts'
import { residentMegabytes } from './process-stats.ts'
import { connect } from 'node:net'

/** Many callers wait for one job on one API process: from its end to the last answer, and the memory that they take. */
export function measureWaiters(bench: Bench, count: number): Promise<Measurement[]> {
  return withWorld(bench, async (world) => {
    const redis = await startRedis()
    const [name = ''] = addIdleStacks(world, 1)
    const settings = { REDIS_URL: redis.url }
    const worker = await world.start('worker', settings)
    await worker.stop()
    const api = await world.start('api', settings)
    await knownStacks(api.client, 1)
    const { body } = await api.client.plain('POST', `/deploy/${name}`, name)
    const id: string = body.job_id
    const request = `GET /jobs/${id}?wait=true&timeout=300 HTTP/1.1\r\nHost: localhost\r\nX-Signature: ${hmac(world.secret, id)}\r\nConnection: close\r\n\r\n`
    let answered = 0
    let last = 0
    let wrong = 0
    for (let index = 0; index < count; index++) {
      const socket = connect(Number(new URL(api.client.url).port), '127.0.0.1', () => socket.write(request))
      let text = ''
      socket.on('data', (chunk) => (text += chunk.toString('latin1')))
      socket.on('error', () => wrong++)
      socket.on('close', () => {
        answered++
        last = performance.now()
        if (!text.includes('"state":"canceled"')) wrong++
      })
      if (index % 100 === 99) await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const pid = api.process.pid ?? 0
    let settled = 0
    await until('the waiters to be held', async () => {
      const now = residentMegabytes(pid)
      const still = Math.abs(now - settled) < 1
      settled = now
      await new Promise((resolve) => setTimeout(resolve, 500))
      return still
    })
    const began = performance.now()
    await api.client.timed('DELETE', `/jobs/${id}`)
    await until('all answers', () => answered === count, 60)
    if (wrong > 0) throw new Error(`${wrong} of ${count} were answered wrongly`)
    const memory = residentMegabytes(pid)
    await redis.close()
    return [
      asFigure(`${count} callers waiting on one API process: from the end to the last answer`, 'ms', last - began, 1000),
      asFigure('the same, memory of the API', 'MB', Math.max(settled, memory), 250),
    ]
  })
}
