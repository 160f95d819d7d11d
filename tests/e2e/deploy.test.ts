import { describe, expect, it } from 'vitest'
import { deployAndWait } from '../../lab/deploy-and-wait.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { until } from '../../lab/until.ts'
import { untilPage, webFile } from '../../lab/world.ts'
import { engine, registry, useWorld } from '../support.ts'

const world = useWorld()
const image = (name: string) => `${registry}/${name}:latest`
const start = await world.start('all')
const { client } = start
const deploy = (name: string) => deployAndWait(client, name)

describe('a deploy', () => {
  it('serves a version that was pushed, after a signed POST that is polled', async () => {
    const first = await publishImage(engine, image('poll'), 'v1')
    const stack = await world.addStack('poll', webFile(image('poll')))
    await stack.compose('up', '-d')
    await untilPage(stack, 'v1')
    const second = await publishImage(engine, image('poll'), 'v2')

    const accepted = await until('the stack to be known', async () => {
      const answer = await client.plain('POST', `/deploy/${stack.name}`, stack.name)
      return answer.status === 404 ? null : answer
    })
    expect(accepted.status).toBe(202)
    expect(accepted.headers.get('location')).toBe(`/jobs/${accepted.body.job_id}`)
    expect(accepted.headers.get('retry-after')).toBe('2')
    expect(accepted.body).toMatchObject({ state: 'queued', ok: null, stack: stack.name, coalesced: false, steps: [] })

    const job = await until('the end of the job', async () => {
      const answer = await client.plain('GET', accepted.body.status_url, accepted.body.job_id)
      expect(answer.status).toBe(200)
      return answer.body.ok === null ? null : answer.body
    })
    expect(job).toMatchObject({
      state: 'succeeded',
      ok: true,
      code: null,
      message: null,
      rolled_back: false,
      host: world.settings.WORKER_NAME,
      changes: [{ service: 'web', image: image('poll'), from: first, to: second }],
    })
    expect(job.steps.map((step: any) => [step.name, step.ok, step.exit_code])).toEqual([
      ['status', true, 0],
      ['config', true, 0],
      ['pull', true, 0],
      ['up', true, 0],
      ['verify', true, 0],
    ])
    expect(job.steps[0].tail).toBe('web\n')
    expect(Date.parse(job.queued_at)).toBeLessThanOrEqual(Date.parse(job.started_at))
    expect(Date.parse(job.started_at)).toBeLessThanOrEqual(Date.parse(job.finished_at))
    expect(await stack.page()).toBe('v2')
  })

  it('answers at its end when asked to wait, and changes nothing when there is nothing to change', async () => {
    await publishImage(engine, image('noop'), 'v1')
    const stack = await world.addStack('noop', webFile(image('noop')))
    await stack.compose('up', '-d')
    const before = await stack.containers()
    await until(
      'the stack to be known',
      async () => (await client.plain('POST', `/deploy/${stack.name}?wait=1`, stack.name)).status === 200,
    )
    const answer = await client.plain('POST', '/deploy?wait=true', '', { stack: stack.name })
    expect(answer.status).toBe(200)
    expect(answer.body).toMatchObject({ ok: true, state: 'succeeded', changes: [] })
    expect(answer.body.steps.map((step: any) => step.name)).toEqual(['status', 'config', 'pull', 'up', 'verify'])
    expect(await stack.containers()).toEqual(before)
  })

  it('adds a service that is new in the file and removes one that has gone from it', async () => {
    await publishImage(engine, image('services'), 'v1')
    const worker = `  extra:\n    image: ${image('services')}\n    init: true\n    volumes: ["/data"]\n`
    const stack = await world.addStack('services', webFile(image('services')))
    await stack.compose('up', '-d')
    const web = await stack.containers()
    stack.write('compose.yaml', webFile(image('services'), worker)(Number(new URL(stack.url).port)))
    const added = await deploy(stack.name)
    expect(added.body).toMatchObject({ ok: true, changes: [{ service: 'extra', from: null }] })
    expect(await stack.containers()).toHaveLength(2)
    const [extra = ''] = await stack.idsOf('extra')
    const volume = (await engine.docker('inspect', '--format', '{{(index .Mounts 0).Name}}', extra)).trim()
    stack.write('compose.yaml', webFile(image('services'))(Number(new URL(stack.url).port)))
    expect((await deploy(stack.name)).body.ok).toBe(true)
    expect(await stack.containers()).toEqual(web)
    // Volumes stay, also those without a name.
    expect((await engine.docker('volume', 'rm', volume)).trim()).toBe(volume)
  })

  it('leaves a stopped stack stopped', async () => {
    await publishImage(engine, image('stopped'), 'v1')
    const stack = await world.addStack('stopped', webFile(image('stopped')))
    await stack.compose('up', '-d')
    await stack.compose('stop', '-t', '0')
    const answer = await deploy(stack.name)
    expect(answer.status).toBe(409)
    expect(answer.headers.get('content-type')).toContain('application/problem+json')
    expect(answer.body).toMatchObject({ ok: false, code: 'not_running', state: 'failed', changes: [] })
    expect(answer.body.steps.map((step: any) => step.name)).toEqual(['status'])
    expect((await stack.compose('ps', '-q', '--status', 'running')).trim()).toBe('')
  })

  it('fails at config when the file is broken, and says why', async () => {
    await publishImage(engine, image('broken'), 'v1')
    const stack = await world.addStack('broken', webFile(image('broken')))
    await stack.compose('up', '-d')
    const before = await stack.containers()
    stack.write('compose.yaml', 'services:\n  web:\n    image: [unclosed\n')
    const answer = await deploy(stack.name)
    expect(answer.status).toBe(500)
    expect(answer.body).toMatchObject({ ok: false, code: 'step_failed', state: 'failed' })
    expect(answer.body.steps.map((step: any) => [step.name, step.ok])).toEqual([
      ['status', true],
      ['config', false],
    ])
    expect(answer.body.steps[1].tail).toMatch(/yaml/)
    stack.write('compose.yaml', 'services: {}\n')
    const empty = await deploy(stack.name)
    expect([empty.body.code, empty.body.steps.map((step: any) => [step.name, step.ok])]).toEqual([
      'step_failed',
      [
        ['status', true],
        ['config', false],
      ],
    ])
    expect(empty.body.steps[1].tail).toContain('has no service')
    stack.write('compose.yaml', webFile(image('broken'))(Number(new URL(stack.url).port)))
    expect(await stack.containers()).toEqual(before)
  })

  it('fails at pull when the image is not there, and the stack goes on as it was', async () => {
    await publishImage(engine, image('missing'), 'v1')
    const stack = await world.addStack('missing', webFile(image('missing')))
    await stack.compose('up', '-d')
    await untilPage(stack, 'v1')
    stack.write('compose.yaml', webFile(`${registry}/nobody-pushed-this:latest`)(Number(new URL(stack.url).port)))
    const answer = await deploy(stack.name)
    expect(answer.status).toBe(500)
    expect(answer.body).toMatchObject({ code: 'step_failed', rolled_back: false })
    expect(answer.body.steps.at(-1)).toMatchObject({ name: 'pull', ok: false })
    expect(answer.body.steps.at(-1).exit_code).toBeGreaterThan(0)
    expect(await stack.page()).toBe('v1')
  })

  it('brings the former version back when the new one does not start, and the version before that when asked', async () => {
    const first = await publishImage(engine, image('back'), 'v1')
    const stack = await world.addStack('back', webFile(image('back')))
    await stack.compose('up', '-d')
    await publishImage(engine, image('back'), 'v2')
    expect((await deploy(stack.name)).body.ok).toBe(true)
    await publishImage(engine, image('back'), 'v3', 'crash')
    const failed = await deploy(stack.name)
    expect(failed.status).toBe(500)
    expect(failed.body).toMatchObject({ code: 'step_failed', rolled_back: true, changes: [] })
    expect(failed.body.message).toMatch(/^verify failed: web/)
    expect(failed.body.steps.map((step: any) => [step.name, step.ok])).toEqual([
      ['status', true],
      ['config', true],
      ['pull', true],
      ['up', true],
      ['verify', false],
      ['rollback', true],
    ])
    expect(failed.body.steps[4].tail).toContain('this version cannot start')
    await untilPage(stack, 'v2')

    const back = await client.timed('POST', `/stacks/${stack.name}/rollback?wait=true`)
    expect(back.status).toBe(200)
    expect(back.body).toMatchObject({ ok: true, action: 'rollback', changes: [{ service: 'web', to: first }] })
    await untilPage(stack, 'v1')
  })

  it('pulls from a private registry with the login of the stack alone', async () => {
    const { startRegistry } = await import('../../lab/registry.ts')
    const login = { user: 'puller', password: 'pull-p4ssw0rd' }
    const closed = await startRegistry(login)
    try {
      const reference = `${closed.address}/private:latest`
      const auth = Buffer.from(`${login.user}:${login.password}`).toString('base64')
      const config = JSON.stringify({ auths: { [closed.address]: { auth } } })
      const stack = await world.addStack('private', webFile(reference), { '.docker/config.json': config })
      const withLogin = { ...engine, docker: (...args: string[]) => engine.docker('--config', `${stack.dir}/.docker`, ...args) }
      await publishImage(withLogin, reference, 'v1')
      await withLogin.docker('pull', '-q', reference)
      await stack.compose('up', '-d')
      await publishImage(withLogin, reference, 'v2')
      const answer = await deploy(stack.name)
      expect(answer.body).toMatchObject({ ok: true })
      await untilPage(stack, 'v2')

      stack.write('.docker/config.json', '{}')
      const refused = await deploy(stack.name)
      expect(refused.status).toBe(500)
      expect(refused.body.steps.at(-1)).toMatchObject({ name: 'pull', ok: false })
      expect(JSON.stringify(refused.body)).not.toContain(login.password)
    } finally {
      await closed.stop()
    }
  })
})
