import type { ApiClient } from '../api-client.ts'
import type { Terminal } from '../context.ts'
import { EXIT, exitCodeOf } from '../exit-codes.ts'
import { formatOutcome } from '../format-job.ts'
import { formatPlan } from '../format-plan.ts'
import { followToEnd, requestJob, type StartOptions } from './start-job.ts'

/** `deployer plan <stack>`: what a deploy would do. @returns 3 when it would be refused. */
export async function showPlan(stack: string, options: StartOptions, api: ApiClient, terminal: Terminal): Promise<number> {
  const job = await followToEnd(await requestJob('plan', stack, options, api), { ...options, wait: true }, api, terminal)
  if (options.json) terminal.print(JSON.stringify(job))
  else if (job.ok) for (const { text, removes } of formatPlan(job)) terminal[removes ? 'printRed' : 'print'](text)
  else terminal.say(formatOutcome(job))
  return job.ok && job.refusal ? EXIT.refused : exitCodeOf(job)
}
