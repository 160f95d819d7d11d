import { Hono } from 'hono'
import type { AppEnv } from '../app-env.ts'
import { bearerToken, isSameSecret } from '../gates/bearer-token.ts'
import type { Limits } from '../gates/limits.ts'
import type { DeployMetrics } from '../metrics/deploy-metrics.ts'
import { Problem } from '../problem.ts'

/** Metrics for whoever has the token: they name every stack. */
export function metricsRoutes(metrics: DeployMetrics, token: string, limits: Limits) {
  return new Hono<AppEnv>().get('/metrics', limits.open, async (c) => {
    if (!isSameSecret(bearerToken(c.req.header('Authorization')) ?? '', token)) {
      await limits.failure(c)
      throw new Problem('token_invalid', 'Send METRICS_TOKEN as "Authorization: Bearer …".', { 'WWW-Authenticate': 'Bearer' })
    }
    return c.body(await metrics.read(), 200, { 'Content-Type': metrics.contentType })
  })
}
