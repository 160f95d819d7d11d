import { z } from 'zod'
import { JobId, StackName } from '@deployer/shared/names'
import { deployedExample } from './examples.ts'

/** `{stack}` */
export const stackPath = z.object({
  stack: StackName.meta({ description: 'The name of the stack: that of its folder.', example: deployedExample.stack }),
})

/** `{id}` of a job. */
export const jobPath = z.object({ id: JobId.meta({ description: "The job's id.", example: deployedExample.job_id }) })

/** What makes a request one that may be sent again. */
export const idempotency = z.object({
  'Idempotency-Key': z
    .string()
    .min(1)
    .max(255)
    .optional()
    .meta({ description: 'The same key within 24 hours gets the job that the first one got, as long as that job is kept.' }),
})
