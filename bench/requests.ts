import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startChild } from '../lab/child.ts'
import { hmac } from '../lab/client.ts'
import { freePort } from '../lab/free-port.ts'
import { startRedis } from '../lab/redis.ts'
import { until } from '../lab/until.ts'
import type { World } from '../lab/world.ts'
import { addIdleStacks, knownStacks, withWorld, type Bench } from './bench-world.ts'
import { load, type LoadResult } from './load.ts'
import { median, type Measurement } from './measure.ts'
import { cpuTicks } from './process-stats.ts'

const CONNECTIONS = 32
const STACKS = 20
/** A webhook's body, of a size that CI sends. */
const BODY = JSON.stringify({ ref: 'refs/heads/main', repository: 'me/media', sha: '0'.repeat(40) })

/** Signed requests, accepted and stored, over 32 connections, against Debian's `webhook` with an HMAC rule and `/bin/true`. */
export function measureRequests(bench: Bench, rounds: number, seconds: number): Promise<Measurement[]> {
  return withWorld(bench, async (world) => {
    const pair = await startBoth(world)
    const ours: LoadResult[] = []
    const theirs: LoadResult[] = []
    for (let round = 0; round < rounds; round++) {
      const first = round % 2 === 0
      if (first) ours.push(await pair.ours(seconds))
      theirs.push(await pair.webhook(seconds))
      if (!first) ours.push(await pair.ours(seconds))
    }
    await pair.stop()
    const ratios = ours.map(({ perSecond }, index) => perSecond / (theirs[index]?.perSecond ?? Number.NaN))
    const rate = median(ratios)
    const p99 = median(ours.map((one) => one.p99))
    const theirP99 = median(theirs.map((one) => one.p99))
    const spread: Measurement['spread'] = [Math.min(...ratios), Math.max(...ratios)]
    return [
      {
        what: 'signed requests a second, 32 connections',
        unit: '1/s',
        value: median(ours.map(({ perSecond }) => perSecond)),
        baseline: median(theirs.map(({ perSecond }) => perSecond)),
        ratio: rate,
        spread,
        goal: 'ratio at least 1',
        met: rate >= 1,
        note: "baseline: Debian's webhook (Go), which stores nothing; ours has every job on the disk",
      },
      {
        what: 'the same, 99th percentile',
        unit: 'ms',
        value: p99,
        baseline: theirP99,
        ratio: p99 / theirP99,
        spread: null,
        goal: 'ratio at most 1',
        met: p99 <= theirP99,
        note: '',
      },
    ]
  })
}

/** The two services, and a load on each. */
async function startBoth(world: World) {
  const redis = await startRedis()
  const names = addIdleStacks(world, STACKS)
  const settings = { REDIS_URL: redis.url, LOG_LEVEL: 'error' }
  // Known to Redis from a worker that lived: while it is away, jobs are accepted and wait.
  const worker = await world.start('worker', { ...settings, LOG_LEVEL: 'info' })
  await worker.stop()
  const api = await world.start('api', settings)
  await knownStacks(api.client, STACKS)
  const webhook = await startWebhook(world)
  const ourRequests = signedRequests(world, names)
  const theirRequests = [signedRequest(world, '/hooks/deploy')]
  const check = (result: LoadResult, status: number) => {
    const other = Object.keys(result.statuses).filter((one) => Number(one) !== status)
    if (other.length > 0) throw new Error(`unexpected answers: ${JSON.stringify(result.statuses)}`)
    return result
  }
  await load(Number(new URL(api.client.url).port), ourRequests, CONNECTIONS, 1)
  return {
    ours: async (seconds: number) => check(await load(Number(new URL(api.client.url).port), ourRequests, CONNECTIONS, seconds), 202),
    async webhook(seconds: number) {
      const result = check(await load(webhook.port, theirRequests, CONNECTIONS, seconds), 200)
      // It goes on starting its command after it has answered.
      await webhook.idle()
      return result
    },
    async stop() {
      await webhook.stop()
      await redis.close()
    },
  }
}

/** Signed requests to deploy some stacks, as bytes. */
export function signedRequests(world: World, stacks: string[]): Buffer[] {
  return stacks.map((name) => signedRequest(world, `/deploy/${name}`))
}

/** A signed request as bytes, with both headers, so that either service finds its own. */
export function signedRequest(world: World, path: string): Buffer {
  const signature = hmac(world.secret, BODY)
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nX-Signature: ${signature}\r\nX-Hub-Signature-256: sha256=${signature}\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`,
  )
}

async function startWebhook(world: World) {
  const port = await freePort()
  const hooks = join(world.root, '.hooks.json')
  const rule = {
    match: { type: 'payload-hmac-sha256', secret: world.secret, parameter: { source: 'header', name: 'X-Hub-Signature-256' } },
  }
  writeFileSync(hooks, JSON.stringify([{ id: 'deploy', 'execute-command': '/bin/true', 'trigger-rule': rule }]))
  const args = ['-hooks', hooks, '-ip', '127.0.0.1', '-port', String(port)]
  const child = startChild('webhook', args, { PATH: process.env['PATH'] })
  await until('webhook', async () => (await fetch(`http://127.0.0.1:${port}/`)).ok)
  const pid = child.process.pid ?? 0
  return {
    port,
    async idle() {
      let before = -1
      await until(
        'webhook to be idle',
        async () => {
          const now = cpuTicks(pid)
          await new Promise((resolve) => setTimeout(resolve, 250))
          const still = now === before
          before = now
          return still
        },
        60,
      )
    },
    stop: () => child.stop('SIGKILL'),
  }
}
