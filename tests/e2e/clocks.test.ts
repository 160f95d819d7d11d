import { expect, it } from 'vitest'
import { command } from '../../lab/command.ts'
import { deployAndWait } from '../../lab/deploy-and-wait.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { startStack } from '../../lab/start-stack.ts'
import { untilPage, webFile } from '../../lab/world.ts'
import { engine, registry, useWorld } from '../support.ts'

const world = useWorld()

/** Variables under which a process takes it to be another time than it is. */
async function otherTime(offset: string): Promise<Record<string, string>> {
  const env = await command('faketime', ['-f', offset, 'env'])
  const lines = env.split('\n').filter((line) => /^(?:LD_PRELOAD|FAKETIME)=/.test(line))
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
}

it.concurrent.each(['-30s', '+30s'])(
  'a worker whose clock is %s from that of the engine proves a good version, and brings the old one back after a bad one',
  async (offset) => {
    const name = `clock${offset.replace('+', 'p').replace('-', 'm')}`
    const { client } = await world.start('all', {
      ...(await otherTime(offset)),
      WORKER_NAME: name,
      DATA_DIR: `${world.root}/.data${offset}`,
    })
    const image = `${registry}/${name}:latest`
    await publishImage(engine, image, 'v1')
    const stack = await startStack(world, client, name, webFile(image))
    // Its image has no health check: it is proven by the time that it runs.
    await publishImage(engine, image, 'v2')
    const good = await deployAndWait(client, stack.name)
    expect(good.body, good.text).toMatchObject({ ok: true, changes: [{ service: 'web' }] })
    await untilPage(stack, 'v2')
    await publishImage(engine, image, 'v3', 'crash')
    const bad = await deployAndWait(client, stack.name)
    expect(bad.body, bad.text).toMatchObject({ code: 'step_failed', rolled_back: true })
    await untilPage(stack, 'v2')
  },
)
