import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { limitKey, peerAddress, type IsProxy } from './gates/client-address.ts'

/** Connections at the same time: each of thousands of waiting callers has one, and others come and go beside them. */
const MAX_CONNECTIONS = 25_000
/** Connections of one address over which nothing has been proven yet. */
const MOST_UNPROVEN = 256
/** Descriptors that the process needs for itself. */
const OWN_DESCRIPTORS = 64

/** Keeps room for callers who can prove who they are. */
export interface ConnectionLimits {
  /** Somebody has proven who he is over this connection: it counts no more. */
  prove(socket: Socket): void
}

/**
 * Lets the oldest unproven connection go where there are too many of its address, or altogether. The oldest, since a caller who can prove
 * himself does so at once: whoever opens connections and is silent shuts out nobody but himself.
 *
 * @param isProxy A trusted proxy's connections carry many callers, and are not counted by address.
 */
export function limitConnections(server: Server, isProxy: IsProxy): ConnectionLimits {
  const unproven = new Map<Socket, string>()
  const byAddress = new Map<string, Set<Socket>>()
  const most = mostConnections()
  let open = 0

  function forget(socket: Socket): void {
    const address = unproven.get(socket)
    if (address === undefined) return
    unproven.delete(socket)
    const siblings = byAddress.get(address)
    siblings?.delete(socket)
    if (siblings?.size === 0) byAddress.delete(address)
  }

  function drop(sockets: Iterable<Socket>): void {
    for (const socket of sockets) {
      forget(socket)
      socket.destroy()
      return
    }
  }

  server.on('connection', (socket: Socket) => {
    open++
    socket.once('close', () => {
      open--
      forget(socket)
    })
    const peer = peerAddress(socket)
    const address = isProxy(peer) ? 'proxy' : limitKey(peer)
    const siblings = byAddress.get(address) ?? new Set()
    byAddress.set(address, siblings.add(socket))
    unproven.set(socket, address)
    if (address !== 'proxy' && siblings.size > MOST_UNPROVEN) drop(siblings)
    else if (open > most) drop(unproven.keys())
  })
  return { prove: forget }
}

/** How many connections this process can have at the same time. */
export function mostConnections(): number {
  return Math.min(MAX_CONNECTIONS, openFiles() - OWN_DESCRIPTORS)
}

/** How many descriptors this process may have open. */
function openFiles(): number {
  const { userLimits } = process.report.getReport() as unknown as { userLimits?: { open_files?: { soft: number | string } } }
  return Number(userLimits?.open_files?.soft) || Infinity
}
