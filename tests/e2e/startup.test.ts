import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { freePort } from '../../lab/free-port.ts'
import { serviceEnv } from '../../lab/service.ts'
import { until } from '../../lab/until.ts'

const repository = join(import.meta.dirname, '../..')
const root = mkdtempSync(join(tmpdir(), 'deployer-startup-'))
const good = { DEPLOY_SECRET: 'not-a-sample-at-all', STACKS_ROOT: root, DATA_DIR: join(root, '.data'), HOST: '127.0.0.1' }

/** `npm start` as an operator types it. */
function npmStart(settings: Record<string, string>, script = 'start'): { child: ChildProcess; output: () => string } {
  const child = spawn('npm', ['run', script], { cwd: repository, env: serviceEnv(settings), stdio: ['ignore', 'pipe', 'pipe'] })
  // One that should have ended, and has not.
  onTestFinished(() => void child.kill())
  let output = ''
  const keep = (chunk: Buffer) => (output += chunk.toString())
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  return { child, output: () => output }
}

/** Processes whose command line has a text. */
function running(text: string): number {
  return readdirSync('/proc').filter((entry) => {
    try {
      return /^\d+$/.test(entry) && readFileSync(`/proc/${entry}/environ`, 'utf8').includes(text)
    } catch {
      return false
    }
  }).length
}

describe('npm start', () => {
  it.each([
    ['an empty secret', { DEPLOY_SECRET: '' }, 'DEPLOY_SECRET'],
    ['a sample secret', { DEPLOY_SECRET: 'troque_este_valor' }, 'DEPLOY_SECRET'],
    ['a short secret', { DEPLOY_SECRET: 'only-15-letters' }, 'DEPLOY_SECRET'],
    ['a sample as the previous secret', { DEPLOY_SECRET_PREVIOUS: 'change-me' }, 'DEPLOY_SECRET_PREVIOUS'],
    ['a missing root', { STACKS_ROOT: '/nowhere/at/all' }, 'STACKS_ROOT'],
    ['a malformed number', { PORT: 'eighty' }, 'PORT'],
    ['a taken or impossible address', { HOST: '203.0.113.1' }, 'HOST'],
  ])('refuses %s with exit code 78 and the name of the variable', async (_, wrong, name) => {
    const { child, output } = npmStart({ ...good, PORT: '0', ...wrong })
    const [code] = await once(child, 'exit')
    expect(output()).toContain(name)
    expect(code).toBe(78)
  })

  it.each(['api', 'worker'])('refuses the role %s without REDIS_URL', async (role) => {
    const { child, output } = npmStart(good, role)
    const [code] = await once(child, 'exit')
    expect([code, output()]).toEqual([78, expect.stringContaining('REDIS_URL')])
  })

  it('refuses a sample secret where the API is started alone, as docker-compose.yml does', async () => {
    const { child, output } = npmStart({ ...good, REDIS_URL: 'redis://127.0.0.1:1', DEPLOY_SECRET: 'troque_este_valor' }, 'api')
    const [code] = await once(child, 'exit')
    expect([code, output()]).toEqual([78, expect.stringContaining('DEPLOY_SECRET')])
  })

  it('stops all that it started, when it is told to and when npm is killed', async () => {
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const port = String(await freePort())
      const mark = `deployer-mark-${signal}-${port}`
      const { child } = npmStart({ ...good, PORT: port, HOME: join(root, mark) })
      await until('readiness', async () => (await fetch(`http://127.0.0.1:${port}/ready`)).ok)
      expect(running(mark)).toBeGreaterThan(1)
      child.kill(signal)
      await until('the end of all processes', () => running(mark) === 0)
      await expect(fetch(`http://127.0.0.1:${port}/health`)).rejects.toThrow('fetch failed')
    }
  })
})
