import { expect, it } from 'vitest'
import { deployAndWait } from '../../../lab/deploy-and-wait.ts'
import { publishImage } from '../../../lab/sample-image.ts'
import { startStack } from '../../../lab/start-stack.ts'
import { untilPage, webFile } from '../../../lab/world.ts'
import { engine, registry, useWorld } from '../../support.ts'

const world = useWorld()
const image = `${registry}/leftovers:latest`
const { client } = await world.start('all')

/** What a compose leaves that was killed after it had removed the old container and before it had renamed the new one. */
async function leaveHalf(name: string): Promise<void> {
  const [old] = JSON.parse(await engine.docker('inspect', name))
  const [mount] = old.Mounts
  const labels = Object.entries({ ...old.Config.Labels, 'com.docker.compose.replace': old.Id }).flatMap(([label, value]) => [
    '--label',
    `${label}=${String(value)}`,
  ])
  const [port] = Object.values<{ HostPort: string }[]>(old.HostConfig.PortBindings).flat()
  const options = ['--init', '-v', `${mount.Name}:/data`, '-p', `127.0.0.1:${port?.HostPort}:8080`, '--network', old.HostConfig.NetworkMode]
  await engine.docker('create', '--name', `${old.Id.slice(0, 12)}_${name}`, ...labels, ...options, image)
  await engine.docker('rm', '-f', name)
}

it('a half replaced container that alone holds anonymous volumes keeps them, through a deploy of a new image too', async () => {
  await publishImage(engine, image, 'v1')
  const other = `  other:\n    image: ${image}\n    init: true\n`
  const stack = await startStack(world, client, 'leftovers', webFile(image, `    volumes: ["/data"]\n${other}`))
  const name = `${stack.name}-web-1`
  await engine.docker('exec', name, '/bin/busybox', 'sh', '-c', 'echo precious > /data/file')
  const read = () => engine.docker('exec', name, '/bin/busybox', 'cat', '/data/file')
  await leaveHalf(name)
  const mended = await deployAndWait(client, stack.name)
  expect(mended.body, mended.text).toMatchObject({ ok: true })
  await untilPage(stack, 'v1')
  expect(await read()).toBe('precious\n')

  await leaveHalf(name)
  await publishImage(engine, image, 'v2')
  const next = await deployAndWait(client, stack.name)
  expect(next.body, next.text).toMatchObject({ ok: true })
  await untilPage(stack, 'v2')
  expect(await read()).toBe('precious\n')
  expect(await stack.idsOf('web')).toHaveLength(1)
})
