import { describe, expect, it } from 'vitest'
import { deployAndWait } from '../../../lab/deploy-and-wait.ts'
import { makeImage } from '../../../lab/sample-image.ts'
import { startStack } from '../../../lab/start-stack.ts'
import { untilPage, webFile } from '../../../lab/world.ts'
import { engine, registry, useWorld } from '../../support.ts'

const world = useWorld()
const image = `${registry}/definition:local`
await makeImage(engine, image, 'v1')
const { client } = await world.start('all')

const local = '    pull_policy: never\n'
const good = webFile(image, local)
/** Serves unless it finds the variable BROKEN. */
const script = '["/bin/busybox", "sh", "-c", "[ -z \\"$$BROKEN\\" ] || exit 3; exec httpd -f -p 8080 -h /www"]'
const withValue = (value: string) => webFile(image, `${local}    command: ${script}\n    environment: { BROKEN: "${value}" }\n`)

const other = await startStack(world, client, 'other', good)
const otherPort = new URL(other.url).port

describe.concurrent('a deploy whose images are the same, and whose definition does not work', () => {
  it.each([
    ['a command that fails', good, webFile(image, `${local}    command: ["/bin/busybox", "false"]\n`), 'verify'],
    ['a value that it does not start with', withValue(''), withValue('yes'), 'verify'],
    ['a port that is taken', good, () => good(Number(otherPort)), 'up'],
    [
      'a service under another name',
      good,
      (port: number) => good(port).replace('web:', 'www:') + '    command: ["/bin/busybox", "false"]\n',
      'verify',
    ],
    ['a name that a container of another stack has', good, webFile(image, `${local}    container_name: ${other.name}-web-1\n`), 'up'],
  ] as const)('%s: what ran before runs again, and the cure can be deployed', async (what, before, after, at) => {
    const stack = await startStack(world, client, what.split(' ')[1] ?? '', before)
    await untilPage(stack, 'v1')
    stack.rewrite(after)
    const { status, body } = await deployAndWait(client, stack.name)
    expect([status, body.code, body.rolled_back], JSON.stringify(body)).toEqual([500, 'step_failed', true])
    expect(body.message).toContain(`${at} failed`)
    expect(body.changes).toEqual([])
    await untilPage(stack, 'v1')
    expect(await stack.idsOf('web')).toHaveLength(1)
    expect(await stack.idsOf('www')).toHaveLength(0)
    expect(await other.page()).toBe('v1')

    stack.rewrite((port) => before(port).replace('init: true', 'init: true\n    stop_grace_period: 1s'))
    const cured = await deployAndWait(client, stack.name)
    expect(cured.body, JSON.stringify(cured.body)).toMatchObject({ state: 'succeeded', changes: [{ service: 'web', why: 'definition' }] })
    await untilPage(stack, 'v1')
  })
})
