import { z } from 'zod'

/** The name of a stack: that of its folder. Neither `@` nor `/`, so that `stack@host` can be taken apart again. */
export const StackName = z
  .string()
  .max(128)
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, 'a stack name has letters, digits, "_", "." and "-", and starts with a letter or digit')
export type StackName = z.infer<typeof StackName>

/** The name of a worker, which is the name of its host. */
export const HostName = z
  .string()
  .max(128)
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, 'a host name has letters, digits, "_", "." and "-", and starts with a letter or digit')
export type HostName = z.infer<typeof HostName>

/** A job's id: a UUID of version 7, so that ids sort by the time they were made. */
export const JobId = z.string().regex(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
