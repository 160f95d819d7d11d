import type { Redis } from 'ioredis'
import type { Logger } from '@deployer/shared/logger'
import type { TraceFrom } from '@deployer/shared/telemetry'
import type { createAuthenticate } from '../gates/authenticate.ts'
import type { createHookGate } from '../gates/registry-hook.ts'
import type { HeldAnswers } from '../gates/held-answers.ts'
import type { InventoryCache } from '../inventory-cache.ts'
import type { JobFeed } from '../jobs/job-feed.ts'
import type { JobHub } from '../jobs/job-news.ts'
import type { JobQueue } from '../jobs/job-queue.ts'
import type { JobStore } from '../jobs/job-store.ts'
import type { Notify } from '../notify/start-notify.ts'

/** What the routes work with. */
export interface ApiContext {
  redis: Redis
  logger: Logger
  inventory: InventoryCache
  queue: JobQueue
  store: JobStore
  hub: JobHub
  feed: JobFeed
  held: HeldAnswers
  notify: Pick<Notify, 'test'>
  authenticate: ReturnType<typeof createAuthenticate>
  /** The gate of registries' hooks. */
  authenticateHook: ReturnType<typeof createHookGate>
  /** Traces the start of a job under the caller's own trace. */
  trace: TraceFrom
  /** Seconds. */
  waitTimeout: number
  defaultWait: boolean
  /** Seconds that a job can be read after its end. */
  retention: number
}
