import { Hono } from 'hono'
import { z } from 'zod'
import type { Job } from '@deployer/shared/job'
import { queueName } from '@deployer/shared/queue'
import type { AppEnv } from '../app-env.ts'
import { beforeDeadline } from '../before-deadline.ts'
import { queueUnavailable } from '../problem.ts'
import { readReleases } from '../read-releases.ts'
import { readWatched } from '../read-watched.ts'
import { authorizeAnywhere } from './authorize.ts'
import type { ApiContext } from './context.ts'
import { DeployBody, DeployQuery, startJob } from './deploy.ts'
import { findHost } from './find-host.ts'
import { readJson } from './read-json.ts'
import { parseInput } from './wait-query.ts'

/** The body of a request that says no more than the host, where several have the stack. */
export const HostBody = DeployBody.pick({ host: true })

/** The body of a request for a rollback. */
export const RollbackBody = HostBody.extend({
  to: z
    .int('to is the number of a release')
    .positive('to is the number of a release')
    .optional()
    .describe('The number of the release; otherwise the verified one before what runs.'),
})

/** Of several hosts that have the stack, which. */
export const HostQuery = DeployQuery.pick({ host: true })

/** Lists stacks and their releases, goes back to a former one, and tells what a deploy would do. */
export function stackRoutes(api: ApiContext) {
  return new Hono<AppEnv>()
    .get(
      '/stacks',
      api.authenticate(() => 'stacks'),
      async (c) => {
        authorizeAnywhere(c, 'read')
        const caller = c.get('caller')
        const stacks = api.inventory.stacks().filter(({ name }) => caller.may('read', name))
        const reading = [
          lastJobs(api, stacks),
          readWatched(
            api.redis,
            stacks.map(({ host }) => host),
          ),
        ] as const
        const [last, watched] = await beforeDeadline(c, Promise.all(reading))
        return c.json({
          stacks: stacks.map(({ name, host, online, services, running, drifted }) => {
            const job = last.get(queueName(host, name))
            const last_job = job
              ? { job_id: job.job_id, state: job.state, ok: job.ok, finished_at: job.finished_at, status_url: job.status_url }
              : null
            return { stack: name, host, online, services, running, drifted, last_job, ...watched(host, name) }
          }),
        })
      },
    )
    .get(
      '/stacks/:stack/releases',
      api.authenticate((c) => c.req.param('stack') ?? ''),
      async (c) => {
        const stack = c.req.param('stack')
        const host = await findHost(c, api, 'read', stack, parseInput(HostQuery, c.req.query()).host)
        if (api.redis.status !== 'ready') {
          throw queueUnavailable(undefined, 'Redis cannot be reached, so releases cannot be read: try again.')
        }
        return c.json({ stack, host, releases: await beforeDeadline(c, readReleases(api.redis, host, stack)) })
      },
    )
    .post(
      '/stacks/:stack/rollback',
      api.authenticate(() => null),
      async (c) => {
        const { host, to } = parseInput(RollbackBody, readJson(c))
        return startJob(c, api, { action: 'rollback', stack: c.req.param('stack'), host, to })
      },
    )
    .post(
      '/stacks/:stack/plan',
      api.authenticate(() => null),
      async (c) => {
        const { host } = parseInput(HostBody, readJson(c))
        return startJob(c, api, { action: 'plan', stack: c.req.param('stack'), host })
      },
    )
}

async function lastJobs(api: ApiContext, stacks: { name: string; host: string }[]): Promise<Map<string, Job>> {
  const queues = stacks.map(({ name, host }) => queueName(host, name))
  const jobs = await Promise.all(queues.map((queue) => api.store.list([queue], null, 1)))
  return new Map(queues.flatMap((queue, index) => (jobs[index]?.[0] ? [[queue, jobs[index][0]]] : [])))
}
