import { mkdtempSync, renameSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startChild } from '../../lab/child.ts'
import { command } from '../../lab/command.ts'
import { deployAndWait } from '../../lab/deploy-and-wait.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { until } from '../../lab/until.ts'
import { untilPage, webFile } from '../../lab/world.ts'
import { engine, registry, useWorld } from '../support.ts'

const world = useWorld()
const image = `${registry}/refusals:latest`
await publishImage(engine, image, 'v1')
const { client } = await world.start('all', { LOCK_TIMEOUT: '2' })

const deploy = (name: string) => deployAndWait(client, name)

describe('refused, with nothing changed', () => {
  it("a folder whose project name is another stack's: its up would remove that one's containers", async () => {
    const victim = await world.addStack('victim', webFile(image))
    await victim.compose('up', '-d')
    await untilPage(victim, 'v1')
    const before = await victim.containers()
    const intruder = await world.addStack(
      'intruder',
      () => `name: ${victim.name}\nservices:\n  other:\n    image: ${image}\n    init: true\n`,
    )
    const { status, body } = await deploy(intruder.name)
    expect([status, body.code]).toEqual([409, 'project_conflict'])
    expect(body.detail).toContain(victim.dir)
    expect(body.detail).toContain('name:')
    expect(await victim.containers()).toEqual(before)
    expect(await victim.page()).toBe('v1')
    // The naive way does the damage that was refused.
    await intruder.compose('up', '-d', '--remove-orphans')
    await expect(victim.page()).rejects.toThrow('fetch failed')
    await intruder.compose('down', '-t', '0', '--remove-orphans')
  })

  it('a stack that was started from another path: its relative binds would point elsewhere', async () => {
    const stack = await world.addStack('moved', webFile(image, '    volumes: ["./data:/data"]\n'), { 'data/precious': 'kept' })
    const elsewhere = mkdtempSync(join(tmpdir(), 'deployer-elsewhere-'))
    await stack.compose('up', '-d')
    const before = (await stack.compose('ps', '-aq', '--no-trunc')).trim().split('\n')
    // The same folder under its old path is gone, as after a move of all stacks.
    const service = await world.start('all', { STACKS_ROOT: elsewhere, DATA_DIR: join(elsewhere, '.data'), WORKER_NAME: 'elsewhere' })
    renameSync(stack.dir, join(elsewhere, stack.name))
    const answer = await until('the stack to be known', async () => {
      const one = await service.client.plain('POST', `/deploy/${stack.name}?wait=true`, stack.name)
      return one.status === 404 ? null : one
    })
    expect([answer.status, answer.body.code]).toEqual([409, 'path_mismatch'])
    expect(answer.body.detail).toContain(stack.dir)
    const listed = () => engine.docker('ps', '-aq', '--no-trunc', '--filter', `label=com.docker.compose.project=${stack.name}`)
    expect((await listed()).trim()).toBe(before.join('\n'))
    // The naive way recreates the container, with its data at the new path.
    const moved = join(elsewhere, stack.name)
    await command('docker', ['compose', 'up', '-d'], { DOCKER_HOST: engine.dockerHost, PWD: moved }, moved)
    expect((await listed()).trim()).not.toBe(before.join('\n'))
    await command('docker', ['compose', 'down', '-t', '0'], { DOCKER_HOST: engine.dockerHost, PWD: moved }, moved)
    renameSync(moved, stack.dir)
  })

  it('a link that leads out of the root', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'deployer-outside-'))
    const name = `link-${world.settings['WORKER_NAME']}`
    symlinkSync(outside, join(world.root, name))
    const { status, body } = await deploy(name)
    expect([status, body.code]).toEqual([409, 'stack_outside_root'])
    expect(body.detail).toContain(outside)
  })

  it('a stack whose folder is locked by something else, which the live log names while it is waited for', async () => {
    const stack = await world.addStack('busy', webFile(image))
    await stack.compose('up', '-d')
    // As a container with `.:/app:ro` can, for ever.
    const holder = startChild('flock', ['--shared', '--no-fork', stack.dir, 'sleep', '1000'], { PATH: process.env['PATH'] })
    await until('the lock', () =>
      command('flock', ['--nonblock', stack.dir, 'true']).then(
        () => false,
        () => true,
      ),
    )
    const before = await stack.containers()
    const { status, body } = await deploy(stack.name)
    expect([status, body.code]).toEqual([409, 'stack_busy'])
    expect(body.detail).toMatch(/process \d+ \(sleep\).*LOCK_TIMEOUT/)
    expect(await stack.containers()).toEqual(before)
    const events = await client.timed('GET', `/jobs/${body.job_id}/events`)
    expect(events.text).toMatch(/event: log\n.*the lock on .* is held by process \d+ \(sleep\)/)
    await holder.stop()
    expect((await deploy(stack.name)).body).toMatchObject({ ok: true })
  })
})
