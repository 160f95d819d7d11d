import { Hono } from 'hono'
import type { Job } from '@deployer/shared/job'
import { queueName } from '@deployer/shared/queue'
import type { AppEnv } from '../app-env.ts'
import { beforeDeadline } from '../before-deadline.ts'
import { authorizeAnywhere } from './authorize.ts'
import type { ApiContext } from './context.ts'
import { startJob } from './deploy.ts'

/** Lists stacks, and brings their former images back. */
export function stackRoutes(api: ApiContext) {
  return new Hono<AppEnv>()
    .get(
      '/stacks',
      api.authenticate(() => 'stacks'),
      async (c) => {
        authorizeAnywhere(c, 'read')
        const caller = c.get('caller')
        const stacks = api.inventory.stacks().filter(({ name }) => caller.may('read', name))
        const last = await beforeDeadline(c, lastJobs(api, stacks))
        return c.json({
          stacks: stacks.map(({ name, host, online, services, running }) => {
            const job = last.get(queueName(host, name))
            const last_job = job
              ? { job_id: job.job_id, state: job.state, ok: job.ok, finished_at: job.finished_at, status_url: job.status_url }
              : null
            return { stack: name, host, online, services, running, last_job }
          }),
        })
      },
    )
    .post(
      '/stacks/:stack/rollback',
      api.authenticate(() => null),
      (c) => startJob(c, api, 'rollback', c.req.param('stack'), undefined),
    )
}

async function lastJobs(api: ApiContext, stacks: { name: string; host: string }[]): Promise<Map<string, Job>> {
  const queues = stacks.map(({ name, host }) => queueName(host, name))
  const jobs = await Promise.all(queues.map((queue) => api.store.list([queue], null, 1)))
  return new Map(queues.flatMap((queue, index) => (jobs[index]?.[0] ? [[queue, jobs[index][0]]] : [])))
}
