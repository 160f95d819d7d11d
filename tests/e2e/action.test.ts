import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { freePort } from '../../lab/free-port.ts'
import { runAction } from '../../lab/run-action.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { startSilentServer } from '../../lab/silent-server.ts'
import { until } from '../../lab/until.ts'
import { untilPage, webFile } from '../../lab/world.ts'
import { engine, registry, useWorld } from '../support.ts'

const repository = join(import.meta.dirname, '../..')
const world = useWorld()
const image = `${registry}/action:latest`
const { client } = await world.start('all')
await publishImage(engine, image, 'v1')
const stack = await world.addStack('action', webFile(image))

const step = (inputs: Record<string, string>, env: Record<string, string> = {}) =>
  runAction({ URL: client.url, SECRET: world.secret, STACK: stack.name, ...inputs }, env)

beforeAll(async () => {
  await stack.compose('up', '-d')
  await until('the stack to be known', async () => (await client.plain('POST', `/deploy/${stack.name}?wait=1`, stack.name)).status === 200)
})

describe('the step of a workflow', () => {
  it.each(['poll', 'wait'])('deploys and tells what it did (%s)', async (wait) => {
    await publishImage(engine, image, `v-${wait}`)
    const { code, log, outputs, summary } = await step({ WAIT: wait })
    expect(code, log).toBe(0)
    expect(outputs).toMatchObject({ state: 'succeeded', ok: 'true' })
    expect(JSON.parse(outputs['job'] ?? '')).toMatchObject({ job_id: outputs['job-id'], stack: stack.name, changes: [{ service: 'web' }] })
    expect(log).toContain('✓ pull')
    expect(log).toContain('✓ verify')
    expect(log.match(/✓ pull/g)).toHaveLength(1)
    expect(summary).toContain('✅ deployed')
    expect(summary).toMatch(/\| verify \| ✅ \| \d+ ms \|/)
    // The secret is there once, where it is told to be masked.
    expect(log.split(world.secret)).toHaveLength(2)
    expect(log).toContain(`::add-mask::${world.secret}`)
    await untilPage(stack, `v-${wait}`)
  })

  it('only starts it with none', async () => {
    const { code, outputs } = await step({ WAIT: 'none' })
    expect(code).toBe(0)
    expect(outputs).toMatchObject({ state: 'queued', ok: 'null' })
    expect((await client.plain('GET', `/jobs/${outputs['job-id']}?wait=1`, outputs['job-id'] ?? '')).body.ok).toBe(true)
  })

  it('is not taken for a replay when another step asks for the same stack in the same second', async () => {
    const codes = await Promise.all([1, 2, 3].map(async () => (await step({ WAIT: 'none' })).code))
    expect(codes).toEqual([0, 0, 0])
    await until('the jobs to have ended', async () => {
      const { body } = await client.plain('GET', `/jobs?stack=${stack.name}`, 'jobs')
      return body.jobs.every((job: any) => job.ok !== null)
    })
  })

  it('deploys again in the next leg of a matrix, which differs in nothing but its time', async () => {
    const workflow = { GITHUB_RUN_ID: '4711', GITHUB_RUN_ATTEMPT: '1', GITHUB_JOB: 'deploy' }
    const first = await step({}, workflow)
    await publishImage(engine, image, 'v-second-leg')
    const second = await step({}, workflow)
    expect([first.code, second.code]).toEqual([0, 0])
    expect(second.outputs['job-id']).not.toBe(first.outputs['job-id'])
    await untilPage(stack, 'v-second-leg')
  })

  it('fails with a version that does not start, and shows why', async () => {
    await publishImage(engine, image, 'v-bad', 'crash')
    const { code, log, outputs, summary } = await step({})
    expect(code, log).toBe(1)
    expect(outputs).toMatchObject({ state: 'failed', ok: 'false' })
    expect(log).toContain('::error')
    expect(log).toMatch(/^ {2}\| .*this version cannot start/m)
    expect(summary).toContain('failed, rolled back')
    expect(summary).toContain('this version cannot start')
    await publishImage(engine, image, 'v-good')
  })

  it.each([
    ['a wrong secret', { SECRET: 'another' }, 3, 'signature_invalid'],
    ['a stack that is not there', { STACK: 'no-such-stack' }, 3, 'stack_not_found'],
    ['no secret', { SECRET: '' }, 2, 'secret is empty'],
    ['an odd wait', { WAIT: 'perhaps' }, 2, 'poll, wait or none'],
    ['an odd address', { URL: 'deploy.example.com' }, 2, 'address'],
  ])('refuses %s', async (_, inputs, expected, message) => {
    const { code, log } = await step(inputs)
    expect([code, log]).toEqual([expected, expect.stringContaining(message)])
  })

  it('says when the stack is not running', async () => {
    await stack.compose('stop', '-t', '0')
    const { code, log } = await step({})
    await stack.compose('start')
    expect([code, log]).toEqual([3, expect.stringContaining('not_running')])
  })

  it('says when nobody answers, and when the time is over', async () => {
    const nobody = await step({ URL: `http://127.0.0.1:${await freePort()}`, TIMEOUT: '1' })
    expect([nobody.code, nobody.log]).toEqual([4, expect.stringContaining('cannot be reached')])
    const silent = await startSilentServer()
    stack.write('compose.yaml', webFile(`${silent.address}/hangs:latest`)(Number(new URL(stack.url).port)))
    const late = await step({ TIMEOUT: '2' })
    await silent.stop()
    expect([late.code, late.log]).toEqual([5, expect.stringContaining('still being deployed')])
  })
})

describe('action.yml', () => {
  it('hands every input to the script and every output out', () => {
    const action = parse(readFileSync(join(repository, 'action.yml'), 'utf8'))
    expect(Object.keys(action.inputs)).toEqual(['url', 'secret', 'stack', 'wait', 'timeout', 'host', 'expect'])
    expect(Object.keys(action.outputs)).toEqual(['job-id', 'state', 'ok', 'job'])
    const [step] = action.runs.steps
    const names = Object.keys(action.inputs)
    expect(step.env).toEqual(Object.fromEntries(names.map((name) => [`INPUT_${name.toUpperCase()}`, `\${{ inputs.${name} }}`])))
    for (const [name, { value }] of Object.entries<any>(action.outputs)) expect(value).toBe(`\${{ steps.${step.id}.outputs.${name} }}`)
  })
})
