import { z } from 'zod'
import { HostName, StackName } from './names.ts'

/**
 * What a job carries through Redis. Deliberately no more than what every request for the same stack shares:
 * requests that coalesce into a waiting job are not in its data, so nothing may depend on who came first.
 */
export const JobData = z.strictObject({
  stack: StackName,
  host: HostName,
  action: z.enum(['deploy', 'rollback']),
  /** Who asked first, for the dashboard: the id of the key that signed. */
  caller: z.string().max(256),
})
export type JobData = z.infer<typeof JobData>
