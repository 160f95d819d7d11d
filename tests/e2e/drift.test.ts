import { utimesSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { deployAndWait } from '../../lab/deploy-and-wait.ts'
import { runDeployer } from '../../lab/run-deployer.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { startStack } from '../../lab/start-stack.ts'
import { until } from '../../lab/until.ts'
import { webFile } from '../../lab/world.ts'
import { engine, registry, useWorld } from '../support.ts'

const world = useWorld()
const image = (name: string) => `${registry}/drift-${name}:latest`
const { client } = await world.start('all')

async function drifted(stack: string): Promise<string[]> {
  const { stacks } = (await client.plain('GET', '/stacks', 'stacks')).body
  return stacks.find((one: { stack: string }) => one.stack === stack).drifted
}
const untilDrifted = (stack: string, files: string[]) =>
  until(`${stack} to have drifted from ${files.join(' and ') || 'nothing'}`, async () => String(await drifted(stack)) === String(files))
const labels = (text: string) => `    labels: { level: "${text}" }\n    env_file: web.env\n`

it.concurrent('a stack has drifted from a file that was changed, until it is deployed; from one that was only touched it has not', async () => {
  await publishImage(engine, image('edited'), 'v1')
  const file = (level: string) => webFile(image('edited'), labels(level))
  const stack = await startStack(world, client, 'edited', file('${LEVEL}'), { '.env': 'LEVEL=info\n', 'web.env': 'A=1\n' })
  stack.rewrite(file('${LEVEL}-more'))
  stack.write('.env', 'LEVEL=debug\n')
  stack.write('web.env', 'A=2\n')
  await untilDrifted(stack.name, ['.env', 'compose.yaml', 'web.env'])
  const { body, text } = await deployAndWait(client, stack.name)
  expect(body, text).toMatchObject({ ok: true, changes: [{ service: 'web', why: 'definition' }] })
  await untilDrifted(stack.name, [])
  utimesSync(join(stack.dir, 'compose.yaml'), 1, 1)
  stack.rewrite((port) => `# A note.\n${file('${LEVEL}-more')(port)}`)
  stack.write('.env', 'LEVEL=info\n')
  // All of them are looked at together.
  await untilDrifted(stack.name, ['.env'])
  // What an operator does by hand is as good.
  await stack.compose('up', '-d')
  await untilDrifted(stack.name, [])
})

it.concurrent('a stack that was rolled back has drifted from the file that failed', async () => {
  await publishImage(engine, image('good'), 'v1')
  await publishImage(engine, image('bad'), 'v1', 'crash')
  const stack = await startStack(world, client, 'failing', webFile(image('good')))
  stack.rewrite(webFile(image('bad')))
  const { body, text } = await deployAndWait(client, stack.name)
  expect(body, text).toMatchObject({ rolled_back: true })
  await untilDrifted(stack.name, ['compose.yaml'])
  expect(await stack.page()).toBe('v1')
  const { stdout } = await runDeployer(['stacks'], { DEPLOYER_URL: client.url, DEPLOY_SECRET: world.secret })
  expect(stdout).toMatch(new RegExp(`^${stack.name} .* running, drifted `, 'm'))
})

it.concurrent('a stack of which somebody has removed a container has drifted from its file, until it is deployed', async () => {
  await publishImage(engine, image('hand'), 'v1')
  const db = `  db:\n    image: ${image('hand')}\n    init: true\n`
  const stack = await startStack(world, client, 'hand', webFile(image('hand'), db))
  await engine.docker('rm', '-f', ...(await stack.idsOf('db')))
  await untilDrifted(stack.name, ['compose.yaml'])
  await stack.compose('up', '-d', '--scale', 'db=2')
  await until('two', async () => (await stack.idsOf('db')).length === 2)
  expect((await deployAndWait(client, stack.name)).body.ok).toBe(true)
  await untilDrifted(stack.name, [])
})
