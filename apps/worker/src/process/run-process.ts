import { spawn } from 'node:child_process'
import { StringDecoder } from 'node:string_decoder'
import { endProcessTree } from './end-process-tree.ts'

/** The number under which a started process has the file that it inherits: the first one behind its outputs. */
export const INHERITED_FD = 3

export interface RunOptions {
  cwd?: string
  env: Record<string, string>
  /** Ends the whole process tree when it is aborted. */
  signal: AbortSignal
  /** An open file that the process and all its children inherit as {@link INHERITED_FD}, with the kernel lock on it. */
  inheritFd: number
  /** What it reads from its standard input; nothing without it. */
  input?: string
  /** Outputs that nobody wants go nowhere, at no cost. */
  onStdout?: (text: string) => void
  onStderr?: (text: string) => void
}

/**
 * Starts a program without a shell, as the leader of a session of its own. The one place where processes are started.
 *
 * @returns Its exit code once nothing of its tree lives any more and its outputs are closed; `null` when a signal ended it.
 *   Who was made a stranger to the tree and holds an output keeps it from ending until the signal is aborted, and no longer.
 * @throws When the program cannot be started.
 */
export function runProcess(file: string, args: string[], options: RunOptions): Promise<number | null> {
  return new Promise((resolve, reject) => {
    if (options.signal.aborted) return resolve(null)
    const child = spawn(file, args, {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      stdio: [
        options.input === undefined ? 'ignore' : 'pipe',
        options.onStdout ? 'pipe' : 'ignore',
        options.onStderr ? 'pipe' : 'ignore',
        options.inheritFd,
      ],
    })
    const { pid, stdin, stdout, stderr } = child
    let ending: Promise<void> | undefined
    const end = () => (ending ??= pid === undefined ? Promise.resolve() : endProcessTree(pid))
    const onAbort = () => void end()
    options.signal.addEventListener('abort', onAbort, { once: true })
    child.on('error', (error) => {
      options.signal.removeEventListener('abort', onAbort)
      reject(error)
    })
    // Who ends before it has read everything says why by its exit code.
    stdin?.on('error', () => undefined)
    stdin?.end(options.input)
    if (stdout && options.onStdout) forwardText(stdout, options.onStdout)
    if (stderr && options.onStderr) forwardText(stderr, options.onStderr)
    const exited = new Promise<number | null>((done) => child.on('exit', done))
    const closed = new Promise<void>((done) => child.on('close', () => done()))
    let onLast = () => undefined as void
    const aborted = new Promise<void>((done) => (onLast = () => done()))
    options.signal.addEventListener('abort', onLast, { once: true })
    void exited.then(async (code) => {
      // What is left of the session would keep the outputs and the lock open.
      if (!ending && pid !== undefined && leavesChildren(pid)) void end()
      // Who has left both the tree and its session cannot be found as part of it, but can hold the outputs for ever.
      await Promise.race([closed, aborted])
      await ending
      stdout?.destroy()
      stderr?.destroy()
      // A step's signal lives as long as the step may take, and so would all this.
      options.signal.removeEventListener('abort', onAbort)
      options.signal.removeEventListener('abort', onLast)
      resolve(options.signal.aborted ? null : code)
    })
  })
}

/** Whether the process group of a leader that has ended still has members. */
function leavesChildren(pid: number): boolean {
  try {
    process.kill(-pid, 0)
    return true
  } catch {
    return false
  }
}

function forwardText(stream: NodeJS.ReadableStream, onText: (text: string) => void): void {
  const decoder = new StringDecoder('utf8')
  stream.on('data', (chunk: Buffer) => onText(decoder.write(chunk)))
  stream.on('end', () => {
    const rest = decoder.end()
    if (rest) onText(rest)
  })
}
