import type { RunReport } from '@deployer/shared/job'
import type { DeployLimits } from '../converge/tools.ts'
import { isOk, type StepContext, type StepEnd } from '../steps/step.ts'
import { failedAt } from './outcome.ts'
import type { RunReporter } from './report-run.ts'

/** A job that looks for new images of a stack and changes nothing. What it finds is told elsewhere. */
export async function checkOnly(
  reporter: RunReporter,
  { pullTimeout }: DeployLimits,
  check: ((context: StepContext) => Promise<StepEnd>) | undefined,
): Promise<RunReport> {
  const end = await reporter.run('check', pullTimeout, async (step) => (await check?.(step)) ?? { how: 'proved' })
  return reporter.end(isOk(end) ? { state: 'succeeded', code: null, message: null } : failedAt('check'))
}
