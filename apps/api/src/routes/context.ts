import type { Redis } from 'ioredis'
import type { Logger } from '@deployer/shared/logger'
import type { createSignatureGate } from '../gates/signature.ts'
import type { InventoryCache } from '../inventory-cache.ts'
import type { JobHub } from '../jobs/job-news.ts'
import type { JobQueue } from '../jobs/job-queue.ts'
import type { JobStore } from '../jobs/job-store.ts'

/** What the routes work with. */
export interface ApiContext {
  redis: Redis
  logger: Logger
  inventory: InventoryCache
  queue: JobQueue
  store: JobStore
  hub: JobHub
  signed: ReturnType<typeof createSignatureGate>
  /** Seconds. */
  waitTimeout: number
  defaultWait: boolean
  /** Seconds that a job can be read after its end. */
  retention: number
}
