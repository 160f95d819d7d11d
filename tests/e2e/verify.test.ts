import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { measureAway } from '../../lab/measure-away.ts'
import { deployAndWait } from '../../lab/deploy-and-wait.ts'
import { makeImage, publishImage } from '../../lab/sample-image.ts'
import { startStack } from '../../lab/start-stack.ts'
import { until } from '../../lab/until.ts'
import { untilPage, webFile } from '../../lab/world.ts'
import { engine, registry, useWorld } from '../support.ts'

const world = useWorld()
const image = (name: string) => `${registry}/verify-${name}:latest`
const { client } = await world.start('all', { HEALTH_TIMEOUT: '30' })

const health = (url = 'http://127.0.0.1:8080/') => `    healthcheck:
      test: ["CMD", "/bin/busybox", "wget", "-q", "-O", "/dev/null", "${url}"]
      interval: 500ms
      timeout: 2s
      retries: 4
`

const deploy = (name: string) => deployAndWait(client, name)
const unique = world.settings['WORKER_NAME'] ?? ''
/** Prunes images of one version alone: what other tests are pulling now has no name yet either. */
const prune = (version: string) => engine.docker('image', 'prune', '-f', '--filter', `label=version=${version}`)
const stepOf = (job: any, name: string) => job.steps.find((step: any) => step.name === name)

describe('verify', () => {
  it.concurrent('proves health checks, replicas and services without one, and takes a one-shot that ended with 0 for what it is', async () => {
    await makeImage(engine, `${registry}/verify-setup:local`, 'setup', 'one-shot')
    await publishImage(engine, image('good'), 'v1')
    const more = `${health()}  plain:
    image: ${image('good')}
    init: true
    deploy: { replicas: 2 }
    depends_on: { setup: { condition: service_completed_successfully } }
  setup:
    image: ${registry}/verify-setup:local
    pull_policy: never
    environment: { RELEASE: "\${RELEASE:-1}" }
`
    const stack = await world.addStack('good', webFile(image('good'), more))
    await stack.compose('up', '-d')
    await publishImage(engine, image('good'), 'v2')
    stack.write('.env', 'RELEASE=2\n')
    const { body } = await deploy(stack.name)
    expect(body, JSON.stringify(body)).toMatchObject({ ok: true })
    const { tail } = stepOf(body, 'verify')
    expect(tail).toContain('web healthy\n')
    expect(tail).toContain('setup completed\n')
    expect(tail.match(/plain running\n/g)).toHaveLength(2)
    // Compose's own waiting takes the same stack for a failed one.
    await expect(stack.compose('up', '-d', '--wait', '--force-recreate', 'setup')).rejects.toThrow()
  })

  it.concurrent('fails for a service that turns unhealthy, which is rolled back; the time it was not served is printed', async () => {
    await publishImage(engine, image('sick'), 'v1')
    const stack = await world.addStack('sick', webFile(image('sick'), health()))
    await stack.compose('up', '-d')
    await untilPage(stack, 'v1')
    await publishImage(engine, image('sick'), 'v2', 'idle')
    const over = new AbortController()
    const measured = measureAway(stack, over.signal)
    const { status, body } = await deploy(stack.name)
    await untilPage(stack, 'v1')
    over.abort()
    const away = await measured
    process.stdout.write(`   a bad version was rolled back; the stack was not served for ${(away / 1000).toFixed(1)} s\n`)
    expect(status).toBe(500)
    expect(body).toMatchObject({ code: 'step_failed', rolled_back: true, changes: [] })
    expect(body.message).toMatch(/^verify failed: web unhealthy/)
  })

  it.concurrent('fails for a service that restarts over and over', async () => {
    await publishImage(engine, image('loop'), 'v1')
    const stack = await world.addStack('loop', webFile(image('loop'), '    restart: always\n'))
    await stack.compose('up', '-d')
    await publishImage(engine, image('loop'), 'v2', 'crash')
    const { body } = await deploy(stack.name)
    expect(body).toMatchObject({ code: 'step_failed', rolled_back: true })
    expect(stepOf(body, 'verify').tail).toMatch(/web (restarts|exited with 1)/)
    expect(stepOf(body, 'verify').tail).toContain('this version cannot start')
    await untilPage(stack, 'v1')
  })

  it.concurrent('is skipped with HEALTH_TIMEOUT=0, and rolls nothing back with ROLLBACK=false', async () => {
    const settings = { WORKER_NAME: 'careless', DATA_DIR: `${world.root}/.careless`, HEALTH_TIMEOUT: '0', ROLLBACK: 'false' }
    const service = await world.start('all', settings)
    await publishImage(engine, image('careless'), 'v1')
    const stack = await world.addStack('careless', webFile(image('careless')))
    await stack.compose('up', '-d')
    await publishImage(engine, image('careless'), 'v2', 'crash')
    const post = () => service.client.plain('POST', `/deploy/${stack.name}?wait=true`, stack.name)
    const { body } = await until('the stack to be known', async () => {
      const answer = await post()
      return answer.status === 404 ? null : answer
    })
    expect(body).toMatchObject({ ok: true })
    expect(stepOf(body, 'verify')).toBeUndefined()
  })
})

describe('an up that fails', () => {
  it.concurrent('says what the service said that others waited for, before the way back takes it away', async () => {
    await publishImage(engine, image('migrated'), 'v1')
    const file = (script: string) =>
      webFile(
        image('migrated'),
        `    depends_on: { migrate: { condition: service_completed_successfully } }\n  migrate: { image: "${image('migrated')}", command: ["/bin/busybox", "sh", "-c", "${script}"] }\n`,
      )
    const stack = await startStack(world, client, 'migrated', file('echo done'))
    stack.rewrite(file('echo this version cannot start; exit 3'))
    const { body } = await deploy(stack.name)
    expect(body).toMatchObject({ code: 'step_failed', rolled_back: true, changes: [] })
    expect(stepOf(body, 'up').tail).toContain('migrate | this version cannot start')
    expect(body.taken_back.map(({ service }: { service: string }) => service)).toContain('migrate')
    expect(await stack.page()).toContain('v1')
  })
})

describe('a rollback', () => {
  it.concurrent('that fails too says so, loudly, and the stack can be mended', async () => {
    await publishImage(engine, image('hopeless'), 'v1')
    const stack = await world.addStack('hopeless', webFile(image('hopeless'), '    volumes: ["./www:/www:ro"]\n' + health()), {
      'www/index.html': 'v1',
    })
    await stack.compose('up', '-d')
    await untilPage(stack, 'v1')
    await publishImage(engine, image('hopeless'), 'v2')
    // The fault is in a mounted file, which does not go back: no image can be healthy with it.
    rmSync(join(stack.dir, 'www/index.html'))
    const { status, body } = await deploy(stack.name)
    expect(status).toBe(500)
    expect(body).toMatchObject({ code: 'rollback_failed', rolled_back: false, ok: false })
    expect(body.message).toContain('verify failed: web unhealthy')
    expect(body.message).toMatch(/THE ROLLBACK FAILED TOO .*you\.$/)
    expect(body).toMatchObject({ changes: [], taken_back: [{ service: 'web', from_version: 'v1', to_version: 'v2' }] })
    expect(stepOf(body, 'rollback')).toMatchObject({ ok: false })
    stack.write('www/index.html', 'v2')
    expect((await deploy(stack.name)).body).toMatchObject({ ok: true })
  })

  it('finds its image although somebody prunes over and over meanwhile', async () => {
    const version = `pruned-${unique}`
    await publishImage(engine, image('pruned'), version)
    const stack = await world.addStack('pruned', webFile(image('pruned'), health()))
    await stack.compose('up', '-d')
    await untilPage(stack, version)
    const pruneUntil = async <T>(work: Promise<T>): Promise<T> => {
      const over = new AbortController()
      const ended = work.finally(() => over.abort())
      while (!over.signal.aborted) await Promise.all([prune(version), delay(50)])
      return ended
    }
    await publishImage(engine, image('pruned'), 'v2', 'idle')
    const { body: failed } = await pruneUntil(deploy(stack.name))
    expect(failed, JSON.stringify(failed)).toMatchObject({ state: 'failed', rolled_back: true })
    await untilPage(stack, version)
    await publishImage(engine, image('pruned'), 'v3')
    const { body: job } = await pruneUntil(deploy(stack.name))
    expect(job, JSON.stringify(job)).toMatchObject({ state: 'succeeded', message: null })
    expect((await client.timed('POST', `/stacks/${stack.name}/rollback?wait=1`)).body.ok).toBe(true)
    await untilPage(stack, version)
  })

  it('on request finds its image after a prune', async () => {
    const versions = ['v1', 'v2', 'v3'].map((name) => `${name}-${unique}`)
    const first = await publishImage(engine, image('kept'), versions[0] ?? '')
    const stack = await world.addStack('kept', webFile(image('kept')))
    await stack.compose('up', '-d')
    const ids = []
    for (const version of versions.slice(1)) {
      ids.push(await publishImage(engine, image('kept'), version))
      expect((await deploy(stack.name)).body).toMatchObject({ ok: true })
    }
    for (const version of versions) await prune(version)
    const kept = await engine.docker('images', '--no-trunc', '--format', '{{.ID}}', '--filter', `reference=deployer-former/${stack.name}/*`)
    expect(new Set(kept.trim().split('\n'))).toEqual(new Set([first, ...ids]))
    const back = await client.timed('POST', `/stacks/${stack.name}/rollback?wait=true`)
    expect(back.body).toMatchObject({ ok: true, changes: [{ to: ids[0], from: ids[1] }] })
    await untilPage(stack, versions[1] ?? '')
  })

  it('on request is refused where nothing is kept', async () => {
    await publishImage(engine, image('first'), 'v1')
    const stack = await world.addStack('first', webFile(image('first')))
    await stack.compose('up', '-d')
    await deploy(stack.name)
    const answer = await client.timed('POST', `/stacks/${stack.name}/rollback?wait=true`)
    expect([answer.status, answer.body.code]).toEqual([409, 'nothing_to_roll_back'])
  })
})

describe("the worker's environment", () => {
  it('names no other project and no other file to compose', async () => {
    await publishImage(engine, image('env'), 'v1')
    const stack = await world.addStack('env', webFile(image('env')))
    await stack.compose('up', '-d')
    const before = await stack.containers()
    const misleading = { COMPOSE_PROJECT_NAME: 'another-project', COMPOSE_FILE: '/nowhere/compose.yaml', COMPOSE_PROFILES: 'other' }
    const service = await world.start('all', { ...misleading, WORKER_NAME: 'misled', DATA_DIR: `${world.root}/.misled` })
    const { body } = await until('the stack to be known', async () => {
      const answer = await service.client.plain('POST', `/deploy/${stack.name}?wait=true`, stack.name)
      return answer.status === 404 ? null : answer
    })
    expect(body).toMatchObject({ ok: true, changes: [] })
    expect(await stack.containers()).toEqual(before)
  })
})
