import { afterAll, describe, expect, it } from 'vitest'
import type { RunReport } from '@deployer/shared/job'
import { playWorker } from '../../lab/play-worker.ts'
import { digestOf, publishStacks } from '../../lab/publish-stacks.ts'
import { runAction } from '../../lab/run-action.ts'
import { until } from '../../lab/until.ts'
import { useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
await publishStacks(redis.url, 'nas', ['media'])
const { client } = await world.start('api', { REDIS_URL: redis.url })
await until('the stack', async () => (await client.plain('GET', '/stacks', 'stacks')).body.stacks.length === 1)
let end: Partial<RunReport> = {}
const worker = playWorker(redis.url, 'nas', 'media', () => end)
afterAll(() => worker.close())
const [a, b] = [digestOf('a'), digestOf('b')]
const step = (inputs: Record<string, string>) => runAction({ URL: client.url, SECRET: world.secret, STACK: 'media', ...inputs })

describe('a step that expects digests', () => {
  it.each(['poll', 'wait'])('sends them, and is done when they are what runs (%s)', async (wait) => {
    end = {}
    const { code, log, outputs } = await step({ WAIT: wait, EXPECT: `\n  web=${a}\r\n\ndb-1=${b}  \n` })
    expect([code, log]).toEqual([0, expect.stringContaining('media is deployed')])
    expect(worker.taken.at(-1)?.expect).toEqual({ web: a, 'db-1': b })
    expect(JSON.parse(outputs['job'] ?? '')).toMatchObject({ expect: { web: a, 'db-1': b } })
  })

  it('is done, and says so, when a request that came later expects another one', async () => {
    end = { expect: { web: b } }
    expect(await step({ EXPECT: `web=${a}` })).toMatchObject({ code: 0, log: expect.stringContaining(`web: a later request expects ${b}`) })
  })

  it('fails when the job did not hold it to them', async () => {
    end = { expect: {} }
    for (const wait of ['poll', 'wait']) {
      const { code, log } = await step({ EXPECT: `web=${a}`, WAIT: wait })
      expect([code, log]).toEqual([1, expect.stringContaining('did not expect a digest of web')])
    }
  })

  it('is done at once, with none, when the job will be held to them', async () => {
    end = {}
    expect(await step({ EXPECT: `web=${a}`, WAIT: 'none' })).toMatchObject({ code: 0, outputs: { ok: 'null' } })
  })

  it('fails when anything else is there or runs', async () => {
    end = { state: 'failed', code: 'wrong_image', message: 'web has another digest.' }
    expect(await step({ EXPECT: `web=${a}` })).toMatchObject({ code: 3, log: expect.stringContaining('wrong_image') })
    end = { state: 'failed', code: 'rollback_failed', message: 'web is down.' }
    expect(await step({ EXPECT: `web=${a}` })).toMatchObject({ code: 1, log: expect.stringContaining('web is down.') })
  })

  it('lets no output of a failed step give GitHub commands', async () => {
    const tail = 'pulling\n::add-mask::web\n::error::made up\n'
    end = {
      state: 'failed',
      code: 'step_failed',
      message: 'The step "pull" failed.',
      steps: [{ name: 'pull', ok: false, exit_code: 1, duration_ms: 1, tail }],
    }
    for (const wait of ['poll', 'wait']) {
      const lines = (await step({ WAIT: wait })).log.split('\n')
      const [stop = '', token = ''] = /^::stop-commands::([0-9a-f]{32})$/m.exec(lines.join('\n')) ?? []
      // GitHub takes a command at the beginning of a line, also after white space.
      const commands = lines.filter((line, index) => {
        const isStopped = index > lines.indexOf(stop) && index <= lines.indexOf(`::${token}::`)
        return !isStopped && /^\s*::(?!add-mask::[0-9a-f]{48}$|error title=Deployer::)/.test(line)
      })
      expect([token.length, lines.filter((line) => line.includes('made up')).length, commands]).toEqual([32, 1, [stop]])
    }
  })

  it.each([['web'], ['web=latest'], [`=${a}`], [`web=${a}x`], [`web=${a}\nnonsense`]])('refuses %j', async (expected) => {
    expect(await step({ EXPECT: expected })).toMatchObject({ code: 2, log: expect.stringContaining('service=sha256:') })
  })

  it('shows in its summary what was removed, and digests where there are some', async () => {
    const change = {
      service: 'web',
      image: 'app',
      why: 'image',
      from: digestOf('1'),
      to: digestOf('2'),
      from_digest: a,
      to_digest: b,
      from_version: null,
      to_version: null,
      source: null,
    } as const
    end = { changes: [change, { ...change, service: 'old', why: null, to: null, to_digest: null }] }
    const { summary } = await step({})
    expect(summary).toContain(`| web | \`app\` | image | \`${a.slice(0, 19)}\` | \`${b.slice(0, 19)}\` |`)
    expect(summary).toContain(`| old | \`app\` | - | \`${a.slice(0, 19)}\` | \`removed\` |`)
    expect(worker.taken.at(-1)?.expect).toEqual({})
  })
})
