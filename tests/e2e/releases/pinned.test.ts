import { expect, it } from 'vitest'
import { deployAndWait } from '../../../lab/deploy-and-wait.ts'
import { publishImage } from '../../../lab/sample-image.ts'
import { startStack } from '../../../lab/start-stack.ts'
import { untilPage, webFile } from '../../../lab/world.ts'
import { engine, registry, useWorld } from '../../support.ts'

import { registryDigest } from '../../../lab/registry-digest.ts'

const world = useWorld()
const { client } = await world.start('all')
const name = `${registry}/pinned`
const release = async (version: string, behavior?: 'crash') => {
  const id = await publishImage(engine, `${name}:${version}`, version, behavior)
  return { id, pin: `${name}@${await registryDigest(`${name}:${version}`)}` }
}

it('an image that is pinned by its digest is rolled back, and on request too', async () => {
  const [one, two, bad] = [await release('v1'), await release('v2'), await release('v3', 'crash')]
  const stack = await startStack(world, client, 'pinned', webFile(one.pin))
  await untilPage(stack, 'v1')

  stack.rewrite(webFile(bad.pin))
  const failed = await deployAndWait(client, stack.name)
  expect(failed.body, JSON.stringify(failed.body)).toMatchObject({ code: 'step_failed', rolled_back: true, changes: [], release: 1 })
  await untilPage(stack, 'v1')

  stack.rewrite(webFile(two.pin))
  const good = await deployAndWait(client, stack.name)
  const change = {
    service: 'web',
    image: two.pin,
    why: 'image',
    from: one.id,
    to: two.id,
    from_digest: one.pin.split('@')[1],
    to_digest: two.pin.split('@')[1],
  }
  expect(good.body, JSON.stringify(good.body)).toMatchObject({ ok: true, changes: [change] })
  await untilPage(stack, 'v2')

  // As a nightly clean-up does.
  await engine.docker('image', 'prune', '-f', '--filter', 'label=version=v1')
  const back = await client.timed('POST', `/stacks/${stack.name}/rollback?wait=true`)
  expect(back.body, JSON.stringify(back.body)).toMatchObject({ ok: true, release: 1, changes: [{ from: two.id, to: one.id }] })
  await untilPage(stack, 'v1')

  // The file still says v2, and a deploy does what it says.
  const again = await deployAndWait(client, stack.name)
  expect(again.body, again.text).toMatchObject({ ok: true, changes: [{ from: one.id, to: two.id }] })
  await untilPage(stack, 'v2')
})
