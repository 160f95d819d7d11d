import type { Redis } from 'ioredis'
import type { Logger } from '@deployer/shared/logger'
import { UNTRUSTED_PROXIES_KEY } from '@deployer/shared/queue'
import { limitKey } from './client-address.ts'

/** A caller may send such headers too: so many warnings are enough. */
const MOST = 10
/** Seconds for which the doctor can tell of it. */
const REMEMBERED = 86_400

/**
 * Warns once of each peer that sends a forwarding header without being trusted. Mostly that is the operator's own proxy, and all its
 * callers count as one.
 */
export function createWarnOfProxy(redis: Redis, logger: Logger): (peer: string, header: string) => void {
  const warned = new Set<string>()
  return (peer, header) => {
    const key = `${limitKey(peer)} ${header}`
    if (warned.size >= MOST || warned.has(key)) return
    warned.add(key)
    logger.warn(
      { event: 'proxy_not_trusted', peer, header },
      'a forwarding header is not believed: if this peer is your proxy, name it in TRUSTED_PROXIES',
    )
    if (redis.status !== 'ready') return
    redis
      .pipeline()
      .hset(UNTRUSTED_PROXIES_KEY, peer, header)
      .expire(UNTRUSTED_PROXIES_KEY, REMEMBERED)
      .exec()
      .catch(() => undefined)
  }
}
