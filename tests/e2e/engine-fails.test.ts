import { describe, expect, it } from 'vitest'
import type { Client } from '../../lab/client.ts'
import { freePort } from '../../lab/free-port.ts'
import { startOwnEngine, type OwnEngine } from '../../lab/own-engine.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { startStack } from '../../lab/start-stack.ts'
import { until } from '../../lab/until.ts'
import { createWorld, untilPage, webFile, type World } from '../../lab/world.ts'
import { registry } from '../support.ts'

const stopped = (engine: OwnEngine) => engine.restart('SIGTERM', 1000)
const killed = (engine: OwnEngine) => engine.restart('SIGKILL', 1000)
/** Longer than the engine may take to answer anything, and than a job's lock lasts. */
const frozen = (engine: OwnEngine) => engine.freeze(35_000)

/** For a version that serves eight seconds after its start: so long `verify` waits. */
const HEALTH = `    healthcheck: { test: ["CMD", "/bin/busybox", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/"], interval: 500ms, retries: 60 }\n`

/** An engine with Deployer on it, which can be stopped and started at the same address. */
interface Setup {
  engine: OwnEngine
  world: World
  client: Client
  restart(whileAway: () => Promise<void>): Promise<void>
}

async function onOwnEngine(liveRestore: boolean, play: (setup: Setup) => Promise<void>): Promise<void> {
  const engine = await startOwnEngine({ liveRestore })
  const world = createWorld(engine)
  try {
    const start = async (PORT: string) => world.start('all', { PORT })
    const port = String(await freePort())
    let service = await start(port)
    const restart = async (whileAway: () => Promise<void>) => {
      await service.stop()
      await whileAway()
      service = await start(port)
    }
    await play({ engine, world, client: service.client, restart })
  } finally {
    await world.close()
    await engine.stop()
  }
}

/** Lets the engine fail while a step of a deploy runs, which then has to end in the new version, whole. */
async function failIn(step: 'up' | 'verify', fail: (engine: OwnEngine) => Promise<void>, { engine, world, client }: Setup) {
  const image = `${registry}/${world.settings['WORKER_NAME']}-${step}:latest`
  await publishImage(engine, image, 'v1')
  const file = (port: number) => {
    const text = webFile(image, `${step === 'up' ? '' : HEALTH}  db:\n    image: ${image}\n    init: true\n`)(port)
    // It ignores TERM where `up` has to last: its recreation takes the engine ten seconds.
    return step === 'up' ? text.replace('    init: true\n', '') : text
  }
  const stack = await startStack(world, client, `engine-${step}`, file)
  await publishImage(engine, image, 'v2', step === 'up' ? 'serve' : 'serve-late')
  const { body } = await client.plain('POST', `/deploy/${stack.name}`, stack.name)
  const job = async () => (await client.plain('GET', `/jobs/${body.job_id}`, body.job_id)).body
  await until(step, async () => (await job()).steps.length === (step === 'up' ? 3 : 4))
  await fail(engine)
  const end = async () => {
    const now = await job()
    return now.ok === null ? null : now
  }
  const ended = await until('the end', end, 120)
  expect(ended, JSON.stringify(ended)).toMatchObject({ state: 'succeeded', code: null })
  await untilPage(stack, 'v2')
  const list = await engine.docker(
    'ps',
    '-a',
    '--filter',
    `label=com.docker.compose.project=${stack.name}`,
    '--format',
    '{{.Names}} {{.State}}',
  )
  expect(list.trim().split('\n').sort()).toEqual([`${stack.name}-db-1 running`, `${stack.name}-web-1 running`])
}

describe.concurrent('an engine that fails in the middle of a deploy', () => {
  it('is stopped and started, and its containers with it', () =>
    onOwnEngine(false, async (setup) => {
      await failIn('up', stopped, setup)
      await failIn('verify', stopped, setup)
    }))

  it('is killed, or answers nothing for 35 s, and its containers run on', () =>
    onOwnEngine(true, async (setup) => {
      await failIn('up', killed, setup)
      await failIn('verify', frozen, setup)
    }))

  it('answers nothing when Deployer has to stop, which waits for it as little as the engine could: the next start ends the deploy', () =>
    onOwnEngine(true, async (setup) => {
      const stopWhileFrozen = async (engine: OwnEngine) => {
        let isFrozen = true
        const thawed = frozen(engine).then(() => (isFrozen = false))
        await setup.restart(async () => {
          expect(isFrozen).toBe(true)
          await thawed
        })
      }
      await failIn('verify', stopWhileFrozen, setup)
    }))
})
