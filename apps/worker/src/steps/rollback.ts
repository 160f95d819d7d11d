import { converge, type Course } from '../converge/converge.ts'
import type { Tools } from '../converge/tools.ts'
import { isOk, type StepContext, type StepEnd } from './step.ts'
import { verify, type Touched } from './verify.ts'

/** Brings the release before back, whole, and proves it. */
export async function rollback(tools: Tools, course: Course, touched: Touched, context: StepContext): Promise<StepEnd> {
  const end = await converge(tools, course, context)
  if (!isOk(end) || tools.limits.healthTimeout === 0) return end
  return verify(tools, course, touched, context)
}
