import { getEventListeners } from 'node:events'
import { mkdtempSync, openSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { readProcess } from './processes.ts'
import { runProcess } from './run-process.ts'

/** Milliseconds. These start processes, on a machine that may have much else to do. */
const PATIENCE = 60_000

const folder = mkdtempSync(join(tmpdir(), 'deployer-process-'))
const fd = openSync(folder, 'r')

function run(script: string, signal: AbortSignal) {
  let out = ''
  const options = { env: { PATH: process.env['PATH'] ?? '' }, signal, inheritFd: fd, onStderr: () => undefined }
  return { ended: runProcess('bash', ['-c', script], { ...options, onStdout: (text) => (out += text) }), output: () => out }
}

async function pidIn(file: string): Promise<number> {
  for (;;) {
    try {
      const pid = Number(readFileSync(join(folder, file), 'utf8'))
      if (pid > 0) return pid
    } catch {
      // Not written yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

it('gives the exit code and what was printed', async () => {
  const { ended, output } = run('echo käse; exit 3', new AbortController().signal)
  expect(await ended).toBe(3)
  expect(output()).toBe('käse\n')
})

it('ends the whole tree: children that ignore TERM, and one that has left the session', async () => {
  const stop = new AbortController()
  const script = `trap '' TERM
    (trap '' TERM; echo $BASHPID > ${folder}/stubborn; while :; do sleep 0.1; done) &
    setsid bash -c 'echo $$ > ${folder}/escaped; sleep 1000' &
    wait; wait; sleep 1000`
  const { ended } = run(script, stop.signal)
  const pids = [await pidIn('stubborn'), await pidIn('escaped')]
  stop.abort()
  expect(await ended).toBe(null)
  expect(pids.map((pid) => readProcess(pid))).toEqual([null, null])
})

it('ends when it is aborted although a descendant that cannot be found any more holds the outputs', async () => {
  const stop = new AbortController()
  // Its parent has ended, and its session is its own.
  const { ended, output } = run(
    `(setsid bash -c 'echo $$ > ${folder}/stray; exec sleep 1000' &)
    until [ -s ${folder}/stray ]; do sleep 0.01; done; echo done`,
    stop.signal,
  )
  const stray = await pidIn('stray')
  await vi.waitUntil(() => output() === 'done\n', PATIENCE)
  stop.abort()
  expect(await ended).toBe(null)
  process.kill(stray, 'SIGKILL')
})

it('leaves nothing behind after an ordinary end', async () => {
  const { ended } = run(`(sleep 1000 & echo $! > ${folder}/left; true)`, new AbortController().signal)
  expect(await ended).toBe(0)
  expect(readProcess(await pidIn('left'))).toBe(null)
})

it('says when a program is not there', async () => {
  const options = { env: {}, signal: new AbortController().signal, inheritFd: fd, onStdout: () => undefined, onStderr: () => undefined }
  await expect(runProcess('/no/such/program', [], options)).rejects.toThrow('ENOENT')
})

it('lets go of a signal that goes on when the program has ended', async () => {
  const { signal } = new AbortController()
  expect(await run('true', signal).ended).toBe(0)
  expect(getEventListeners(signal, 'abort')).toEqual([])
})
