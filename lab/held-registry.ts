import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A way to a registry that can be held up: what is pulled through it takes as long as a test needs. */
export interface HeldRegistry {
  address: string
  /** Connections that are waiting. */
  waiting(): number
  /** From now on everything is held up. */
  hold(): void
  /** Lets through what was held up, and all that follows. */
  letGo(): void
  stop(): Promise<void>
}

/** @param registry The registry's own `host:port`. */
export async function holdRegistry(registry: string): Promise<HeldRegistry> {
  const [host = '', port = ''] = registry.split(':')
  const sockets = new Set<Socket>()
  let held: Socket[] | null = null
  const pass = (socket: Socket) => {
    const onward = connect(Number(port), host)
    sockets.add(onward)
    onward.on('error', () => socket.destroy()).on('close', () => sockets.delete(onward))
    socket.on('close', () => onward.destroy())
    socket.pipe(onward).pipe(socket)
  }
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    if (held) held.push(socket)
    else pass(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    waiting: () => held?.length ?? 0,
    hold() {
      held = []
      // Connections that are kept open would go around.
      for (const socket of sockets) socket.destroy()
    },
    letGo() {
      for (const socket of held ?? []) pass(socket)
      held = null
    },
    async stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
