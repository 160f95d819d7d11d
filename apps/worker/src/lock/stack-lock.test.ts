import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmdirSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it, vi } from 'vitest'
import { readProcess } from '../process/processes.ts'
import { runProcess } from '../process/run-process.ts'
import { endOrphans } from './end-orphans.ts'
import { createLockStack } from './stack-lock.ts'
import { tryLock } from './try-lock.ts'

/** Milliseconds. These start processes, on a machine that may have much else to do. */
const PATIENCE = 60_000

const data = mkdtempSync(join(tmpdir(), 'deployer-lock-'))
const searchPath = process.env['PATH'] ?? ''
const settings = { dataDir: data, searchPath, timeout: 300 }
const lockStack = createLockStack(settings)
const unsaid = () => undefined
const never = new AbortController().signal
const started: number[] = []
let stacks = 0

function newStack() {
  const name = `stack-${++stacks}`
  const dir = join(data, name)
  mkdirSync(dir)
  return { name, dir, lock: join(data, 'locks', name) }
}

/** Runs a script as somebody who is no worker; it says a process id, which is waited for. */
async function run(script: string): Promise<number> {
  const child = spawn('bash', ['-c', script], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const pid = await vi.waitUntil(() => Number(said), PATIENCE)
  started.push(pid)
  return pid
}

const lives = (pid: number) => readProcess(pid) !== null
const end = (pid: number) => process.kill(pid, 'SIGKILL')
afterEach(() => started.splice(0).filter(lives).forEach(end))

/** What whoever wants the lock does while it is taken. */
async function endOrphansOf(stack: ReturnType<typeof newStack>): Promise<void> {
  const handle = await open(stack.lock, 'a')
  await endOrphans(handle.fd)
  await handle.close()
}

/** Takes the lock, and tells whether it has been had. */
function taking(stack: ReturnType<typeof newStack>) {
  const said: string[] = []
  const state = { had: false, said, lock: lockStack(stack, never, (line) => void said.push(line)) }
  void state.lock.then(() => (state.had = true))
  return state
}

it('leaves strangers in the folder alone, whatever number they have it under, and waits for those that lock it', async () => {
  const stack = newStack()
  const shell = await run(`exec 3<${stack.dir}; echo $$; exec sleep 1000 >/dev/null`)
  const service = await run(`cd ${stack.dir}; exec 3<. 4<.; echo $$; exec sleep 1000 >/dev/null`)
  const backup = await run(`exec 3<${stack.dir}; flock 3; echo $$; exec sleep 1000 >/dev/null`)
  const reader = await run(`mkdir -p ${data}/locks; exec 3>>${stack.lock}; echo $$; exec sleep 1000 >/dev/null`)
  const want = taking(stack)
  await endOrphansOf(stack)
  expect([shell, service, backup, reader].map(lives)).toEqual([true, true, true, true])
  expect(want.had).toBe(false)
  await vi.waitUntil(() => want.said.length > 0, PATIENCE)
  expect(want.said).toEqual([expect.stringContaining(`held by process ${backup} (sleep)`)])
  end(backup)
  await (await want.lock).release()
  expect([shell, service, reader].map(lives)).toEqual([true, true, true])
})

it('ends what a dead worker has left, with its children', async () => {
  const stack = newStack()
  const left = await run(`exec 9>>${stack.lock}; flock 9; setsid bash -c 'sleep 1000 & echo $BASHPID; wait; wait' 3>&9 9>&- &`)
  expect(lives(left)).toBe(true)
  const lock = await lockStack(stack, never, unsaid)
  expect(lives(left)).toBe(false)
  await lock.release()
})

it("waits for a living worker's processes, which are no orphans", async () => {
  const stack = newStack()
  const first = await lockStack(stack, never, unsaid)
  const stop = new AbortController()
  let said = ''
  const onStdout = (text: string) => (said += text)
  const compose = runProcess('bash', ['-c', 'echo $$; exec sleep 1000'], {
    env: { PATH: searchPath },
    signal: stop.signal,
    inheritFd: first.fd,
    onStdout,
  })
  const pid = await vi.waitUntil(() => Number(said), PATIENCE)
  const want = taking(stack)
  await endOrphansOf(stack)
  expect([lives(pid), want.had]).toEqual([true, false])
  stop.abort()
  await compose
  await first.release()
  await (await want.lock).release()
})

it('keeps two workers apart also when the folder is made anew in between', async () => {
  const stack = newStack()
  const first = await lockStack(stack, never, unsaid)
  rmdirSync(stack.dir)
  mkdirSync(stack.dir)
  const handle = await open(stack.lock, 'r')
  expect(await tryLock(handle.fd, 0, searchPath, never)).toBe(false)
  await first.release()
  expect(await tryLock(handle.fd, 0, searchPath, never)).toBe(true)
  await handle.close()
})

it('is not waited for where nobody wants to hear who has it', async () => {
  const stack = newStack()
  const first = await lockStack(stack, never, unsaid)
  await expect(lockStack(stack, never, null)).rejects.toThrow('taken')
  await first.release()
  await (await lockStack(stack, never, null)).release()
})

it('is given up, for the reason that is given, by who is to stop while it waits', async () => {
  const stack = newStack()
  const first = await lockStack(stack, never, unsaid)
  const stop = new AbortController()
  const why = new Error('the worker is to stop')
  await expect(lockStack(stack, stop.signal, () => stop.abort(why))).rejects.toBe(why)
  await first.release()
})

it('is refused after the timeout when somebody else has locked the folder, and names who', async () => {
  const stack = newStack()
  const backup = await run(`exec 3<${stack.dir}; flock 3; echo $$; exec sleep 1000 >/dev/null`)
  const taken = createLockStack({ ...settings, timeout: 1 })(stack, never, unsaid)
  await expect(taken).rejects.toMatchObject({ code: 'stack_busy', message: expect.stringContaining(`process ${backup} (sleep)`) })
  expect(lives(backup)).toBe(true)
  // Nothing of it is left: the next one has only the folder to wait for.
  end(backup)
  await (await lockStack(stack, never, unsaid)).release()
})

it.each([
  ['is not there', '', /flock does not start.*Install util-linux/],
  ['fails', '#!/bin/sh\necho out of order >&2; exit 71\n', /ended with 71, saying "out of order"/],
  ['is killed', '#!/bin/sh\nkill -9 $$\n', /was ended by a signal/],
])('says so when flock %s', async (_, script, message) => {
  const bin = mkdtempSync(join(data, 'bin-'))
  if (script) writeFileSync(join(bin, 'flock'), script, { mode: 0o755 })
  await expect(createLockStack({ ...settings, searchPath: bin })(newStack(), never, unsaid)).rejects.toThrow(message)
})

it('wants a DATA_DIR that can be written', () => {
  writeFileSync(join(data, 'file'), '')
  expect(() => createLockStack({ ...settings, dataDir: join(data, 'file/in') })).toThrow('DATA_DIR')
})
