import { HostName, StackName } from './names.ts'

/** The prefix of every key in Redis, BullMQ's included: one pattern for an ACL. */
export const KEY_PREFIX = 'deployer'

/** At most this many finished jobs a stack can be read; of those, failed ones have a share of their own. */
export const RETAINED_JOBS = { succeeded: 150, failed: 50 } as const

/** The set of every queue that has ever had a worker. */
export const QUEUES_KEY = `${KEY_PREFIX}:queues`

/** Peers that sent the API a forwarding header without being trusted, with the header's name: for the doctor. */
export const UNTRUSTED_PROXIES_KEY = `${KEY_PREFIX}:untrusted-proxies`

/** The queue of one stack on one host. */
export function queueName(host: string, stack: string): string {
  return `${stack}@${host}`
}

/** Takes a queue's name apart; `null` when it is none of ours. */
export function parseQueueName(name: string): { stack: string; host: string } | null {
  const at = name.indexOf('@')
  const stack = StackName.safeParse(name.slice(0, at))
  const host = HostName.safeParse(name.slice(at + 1))
  return at > 0 && stack.success && host.success ? { stack: stack.data, host: host.data } : null
}

/** The key under which BullMQ keeps the id of the one job of a queue that waits for an action, until that job starts. */
export function waitingKey(queue: string, action: string): string {
  return `${KEY_PREFIX}:${queue}:de:${action}`
}

/** The hash in which BullMQ keeps a job. */
export function jobKey(queue: string, jobId: string): string {
  return `${KEY_PREFIX}:${queue}:${jobId}`
}
