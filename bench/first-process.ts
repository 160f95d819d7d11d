import { chmodSync, constants, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { command } from '../lab/command.ts'
import { deployAndWait } from '../lab/deploy-and-wait.ts'
import { publishImage } from '../lab/sample-image.ts'
import { webFile } from '../lab/world.ts'
import { withWorld, type Bench } from './bench-world.ts'
import { exchange, open } from './load.ts'
import { asFigure, median, type Measurement } from './measure.ts'
import { signedRequest } from './requests.ts'

/**
 * From the POST on an open connection to the first compose process. In the plugin's place stands a script of busybox that rings a bell (a
 * FIFO) and becomes the plugin: its own start, half a millisecond or so, counts against us.
 */
export function measureFirstProcess(bench: Bench, times: number): Promise<Measurement> {
  return withWorld(bench, async (world) => {
    const image = `${bench.registry}/bench-first:latest`
    await publishImage(bench.engine, image, 'v1')
    const stack = await world.addStack('first', webFile(image))
    await stack.compose('up', '-d')
    const home = join(world.root, '.home')
    const bell = join(world.root, '.bell')
    const plugins = join(home, '.docker/cli-plugins')
    mkdirSync(plugins, { recursive: true })
    await command('mkfifo', [bell])
    const plugin = join(plugins, 'docker-compose')
    writeFileSync(plugin, `#!/bin/busybox sh\necho > ${bell}\nexec ${await findPlugin()} "$@"\n`)
    chmodSync(plugin, 0o755)
    const fd = openSync(bell, constants.O_RDWR | constants.O_NONBLOCK)
    let rung = 0
    const listener = new Socket({ fd, readable: true, writable: false })
    listener.on('data', () => (rung ||= performance.now()))
    const service = await world.start('all', { HOME: home })
    await deployAndWait(service.client, stack.name)
    const request = signedRequest(world, `/deploy/${stack.name}?wait=true`)
    const connection = await open(Number(new URL(service.client.url).port))
    const values: number[] = []
    for (let index = 0; index < times; index++) {
      rung = 0
      const began = performance.now()
      const { status } = await exchange(connection, request)
      if (status !== 200) throw new Error(`the deploy answered ${status}`)
      values.push(rung - began)
    }
    connection.destroy()
    listener.destroy()
    const note = 'API, Redis with three flushes to the disk, worker, its lock and two forks lie between'
    return asFigure('from the POST to the first compose process', 'ms', median(values), 5, values, note)
  })
}

async function findPlugin(): Promise<string> {
  const info = JSON.parse(await command('docker', ['info', '--format', '{{json .ClientInfo.Plugins}}'])) as { Name: string; Path: string }[]
  const found = info.find(({ Name }) => Name === 'compose')
  if (!found) throw new Error('the compose plugin was not found')
  return found.Path
}
