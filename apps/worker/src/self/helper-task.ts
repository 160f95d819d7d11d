import { z } from 'zod'
import { JobData } from '@deployer/shared/job-data'
import { RunReport } from '@deployer/shared/job'

/** What a helper is asked to do; handed over in its environment, so nothing in it may be secret. */
export const HelperTask = z.object({
  stack: JobData.shape.stack,
  action: JobData.shape.action,
  former: z.record(z.string(), z.string()),
})
export type HelperTask = z.infer<typeof HelperTask>

/** The variable that holds the task. */
export const TASK_VARIABLE = 'DEPLOYER_HELPER_TASK'

/** The name of the container that does a job. */
export function helperName(jobId: string): string {
  return `deployer-helper-${jobId}`
}

const RESULT = 'deployer-helper-result '

/** A line of the helper's log that is its result. */
export function formatResult(report: RunReport): string {
  return `${RESULT}${JSON.stringify(report)}\n`
}

/** The result in a helper's log; `null` when it died before it had one. */
export function parseResult(log: string): RunReport | null {
  const line = log.split('\n').findLast((one) => one.startsWith(RESULT))
  if (line === undefined) return null
  const parsed = RunReport.safeParse(JSON.parse(line.slice(RESULT.length)))
  return parsed.success ? parsed.data : null
}
