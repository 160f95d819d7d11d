import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** A server that the lab has started. */
export interface Child {
  process: ChildProcess
  /** What it has printed so far, both outputs. */
  output(): string
  /** Ends it and waits for its end. */
  stop(signal?: NodeJS.Signals): Promise<void>
}

/** Starts a server that ends with this process: the kernel sees to it. */
export function startChild(file: string, args: string[], env: NodeJS.ProcessEnv, onOutput?: (text: string) => void): Child {
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', '--', file, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const chunks: string[] = []
  let size = 0
  const keep = (chunk: Buffer) => {
    const text = chunk.toString('utf8')
    chunks.push(text)
    size += text.length
    while (size > 4_000_000) size -= chunks.shift()?.length ?? 0
    onOutput?.(text)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  return {
    process: child,
    output: () => chunks.join(''),
    async stop(signal = 'SIGTERM') {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill(signal)
      await ended
    },
  }
}
