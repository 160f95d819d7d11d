import { converge, type Course } from '../converge/converge.ts'
import type { Tools } from '../converge/tools.ts'
import type { StepContext, StepEnd } from './step.ts'

/** `docker compose up` for the target, until what runs is the target. */
export function up(tools: Tools, course: Course, context: StepContext): Promise<StepEnd> {
  return converge(tools, course, context)
}
