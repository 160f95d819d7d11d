import type { Job, PlannedService } from '@deployer/shared/job'
import { formatTable, shortDigest } from './format.ts'

/** A line of a plan, and whether it is about a service that would be removed. */
interface PlanLine {
  text: string
  removes: boolean
}

/** A plan as a table, and below it the refusal that a deploy would meet. */
export function formatPlan({ plan, refusal }: Pick<Job, 'plan' | 'refusal'>): PlanLine[] {
  const services = plan ?? []
  const [headings = '', ...rows] = formatTable(['SERVICE', 'ACTION', 'WHY', 'FROM', 'TO'], services.map(toRow)).split('\n')
  const plain = (text: string) => ({ text, removes: false })
  const table = rows.map((text, index) => ({ text, removes: services[index]?.action === 'remove' }))
  const lines = services.length > 0 ? [plain(headings), ...table] : []
  if (refusal) return [...lines, plain(`✗ a deploy would be refused: ${refusal.code}: ${refusal.message}`)]
  return services.every(({ action }) => action === 'keep') ? [...lines, plain('nothing would change')] : lines
}

function toRow({ service, action, why, from, to }: PlannedService): string[] {
  return [service, action, why ?? '-', from === null ? '-' : shortDigest(from), to === null ? '-' : shortDigest(to)]
}
