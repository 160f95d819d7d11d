import { Hono } from 'hono'
import type { AppEnv } from '../app-env.ts'
import type { ApiContext } from './context.ts'

/** `/health` says that this process answers, `/ready` that a deploy would be done. Open to all. */
export function healthRoutes({ redis, inventory }: ApiContext) {
  return new Hono<AppEnv>()
    .on(['GET', 'POST'], '/health', (c) => c.json({ ok: true }))
    .get('/ready', async (c) => {
      const redisReady = redis.status === 'ready' && (await answers(redis))
      const missing = [...(redisReady ? [] : ['redis']), ...(redisReady && inventory.anyWorker() ? [] : ['worker'])]
      return c.json({ ok: missing.length === 0, missing }, missing.length === 0 ? 200 : 503)
    })
}

async function answers(redis: ApiContext['redis']): Promise<boolean> {
  return redis.ping().then(
    () => true,
    () => false,
  )
}
