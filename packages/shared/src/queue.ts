import type { JobData } from './job-data.ts'
import { HostName, StackName } from './names.ts'

/** The prefix of every key in Redis, BullMQ's included: one pattern for an ACL. */
export const KEY_PREFIX = 'deployer'

/** The set of every queue that has ever had a worker. */
export const QUEUES_KEY = `${KEY_PREFIX}:queues`

/** Peers that sent the API a forwarding header without being trusted, with the header's name: for the doctor. */
export const UNTRUSTED_PROXIES_KEY = `${KEY_PREFIX}:untrusted-proxies`

/** The queue of one stack on one host. */
export function queueName(host: string, stack: string): string {
  return `${stack}@${host}`
}

/** The queue of a host's ticks: no stack's. A job in it that is called `wake` has the host decide anew about what is due, and about the `stacks` that it names. */
export function tickQueue(host: string): string {
  return `@${host}`
}

/** Takes a queue's name apart; `null` when it is none of ours. */
export function parseQueueName(name: string): { stack: string; host: string } | null {
  const at = name.indexOf('@')
  const stack = StackName.safeParse(name.slice(0, at))
  const host = HostName.safeParse(name.slice(at + 1))
  return at > 0 && stack.success && host.success ? { stack: stack.data, host: host.data } : null
}

/** What requests have to have in common for one job to serve them: BullMQ's deduplication id within a queue. */
export function deduplicationId({ action, to }: Pick<JobData, 'action' | 'to'>): string {
  return to === undefined ? action : `${action}-${to}`
}

/** The key under which BullMQ keeps the id of the one job of a queue that waits and serves such requests, until that job starts. */
export function waitingKey({ host, stack, action, to }: Pick<JobData, 'host' | 'stack' | 'action' | 'to'>): string {
  return `${KEY_PREFIX}:${queueName(host, stack)}:de:${deduplicationId({ action, to })}`
}

/** The hash in which BullMQ keeps a job. */
export function jobKey(queue: string, jobId: string): string {
  return `${KEY_PREFIX}:${queue}:${jobId}`
}
