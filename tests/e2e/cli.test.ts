import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { command } from '../../lab/command.ts'
import { freePort } from '../../lab/free-port.ts'
import { runDeployer } from '../../lab/run-deployer.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { startSilentServer } from '../../lab/silent-server.ts'
import { untilPage, webFile } from '../../lab/world.ts'
import { deployAndWait } from '../../lab/deploy-and-wait.ts'
import { engine, registry, useWorld } from '../support.ts'

const repository = join(import.meta.dirname, '../..')
const world = useWorld()
const image = `${registry}/cli:latest`
const { client } = await world.start('all')
await publishImage(engine, image, 'v1')
const stack = await world.addStack('cli', webFile(image))
const env = { DEPLOYER_URL: client.url, DEPLOY_SECRET: world.secret }
const deployer = (...args: string[]) => runDeployer(args, env)

beforeAll(async () => {
  await stack.compose('up', '-d')
  await deployAndWait(client, stack.name)
})

describe('deployer deploy', () => {
  it('shows the steps as plain lines where there is no terminal, and ends with 0', async () => {
    await publishImage(engine, image, 'v2')
    const { code, stdout } = await deployer('deploy', stack.name)
    expect(code, stdout).toBe(0)
    expect(stdout).toMatch(/^job [0-9a-f-]{36} on lab-/)
    for (const step of ['status', 'config', 'pull', 'up', 'verify']) expect(stdout).toMatch(new RegExp(`^✓ ${step} {2}`, 'm'))
    expect(stdout).toContain('deployed (web changed)')
    expect(stdout).not.toContain('\u001b')
    await untilPage(stack, 'v2')
  })

  it('draws its progress on a terminal', async () => {
    const line = `stty cols 100; ${process.execPath} launcher/deployer.ts deploy ${stack.name}`
    // A CI that runs this test is no terminal, and says so.
    const terminal = { ...env, CI: undefined, TERM: 'xterm' }
    const drawn = await command('script', ['-qec', line, '/dev/null'], terminal, repository)
    expect(drawn).toContain('\u001b[')
    expect(drawn).toMatch(/✔.* pull/)
    expect(drawn).toContain('nothing had changed')
  })

  it.each([['--follow'], ['--wait']])('prints the job and nothing else with --json (%s)', async (mode) => {
    const { code, stdout } = await deployer('deploy', stack.name, mode, '--json')
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { stack: stack.name, ok: true, state: 'succeeded' }])
  })

  it('only starts it with --detach, and finds it again', async () => {
    const { code, stdout } = await deployer('deploy', stack.name, '--detach')
    expect(code).toBe(0)
    const id = stdout.trim()
    const logs = await deployer('logs', id, '-f')
    expect(logs.code).toBe(0)
    expect(logs.stdout).toMatch(/^up \| .*web/im)
    const job = await deployer('job', id)
    expect([job.code, job.stdout]).toEqual([0, expect.stringContaining('✓ pull')])
    expect((await deployer('logs', id)).stdout).toBe(logs.stdout)
  })

  it('ends with 1 when a step fails, and shows why', async () => {
    await publishImage(engine, image, 'v-bad', 'crash')
    const { code, stdout } = await deployer('deploy', stack.name)
    await publishImage(engine, image, 'v3')
    expect(code, stdout).toBe(1)
    expect(stdout).toContain('this version cannot start')
    expect(stdout).toContain('Rolled back')
  })

  it('ends with 3 when it is refused, and says what to do', async () => {
    const unknown = await deployer('deploy', 'no-such-stack')
    expect([unknown.code, unknown.stderr]).toEqual([3, expect.stringContaining('404 stack_not_found: No host has')])
    const json = await deployer('deploy', 'no-such-stack', '--json')
    expect([json.code, JSON.parse(json.stdout)]).toMatchObject([3, { code: 'stack_not_found', status: 404 }])
    const wrong = await runDeployer(['deploy', stack.name], { ...env, DEPLOY_SECRET: 'another' })
    expect([wrong.code, wrong.stderr]).toEqual([3, expect.stringContaining('signature_invalid')])
    await stack.compose('stop', '-t', '0')
    const stopped = await deployer('deploy', stack.name)
    await stack.compose('start')
    expect([stopped.code, stopped.stdout]).toEqual([3, expect.stringContaining('not_running')])
  })

  it('ends with 4 when nobody answers', async () => {
    const { code, stderr } = await runDeployer(['stacks'], { ...env, DEPLOYER_URL: `http://127.0.0.1:${await freePort()}` })
    expect([code, stderr]).toEqual([4, expect.stringContaining('cannot be reached')])
  })

  it('ends with 5 when the time is over; the job goes on, and can be canceled', async () => {
    const silent = await startSilentServer()
    const compose = webFile(image)(Number(new URL(stack.url).port))
    stack.write('compose.yaml', webFile(`${silent.address}/hangs:latest`)(Number(new URL(stack.url).port)))
    const late = await deployer('deploy', stack.name, '--timeout', '1', '--json')
    expect([late.code, JSON.parse(late.stdout)]).toMatchObject([5, { ok: null }])
    const id = JSON.parse(late.stdout).job_id
    const canceled = await deployer('cancel', id)
    expect([canceled.code, canceled.stdout]).toEqual([0, expect.stringContaining('cancel')])
    expect((await deployer('logs', id, '-f')).code).toBe(1)
    expect((await deployer('job', id)).stdout).toContain('canceled')
    expect((await deployer('cancel', id)).code).toBe(3)
    await silent.stop()
    stack.write('compose.yaml', compose)
  })
})

describe('deployer', () => {
  it('rolls back, lists stacks and jobs', async () => {
    const back = await deployer('rollback', stack.name)
    expect([back.code, back.stdout]).toEqual([0, expect.stringContaining('rolled back (web changed)')])
    const stacks = await deployer('stacks')
    expect(stacks.stdout).toMatch(/^STACK +HOST +STATE/)
    expect(stacks.stdout).toContain(stack.name)
    expect(JSON.parse((await deployer('stacks', '--json')).stdout)).toMatchObject([{ stack: stack.name, running: true }])
    const jobs = await deployer('jobs', '--stack', stack.name, '--state', 'succeeded', '--limit', '2', '--json')
    expect(JSON.parse(jobs.stdout)).toMatchObject([{ action: 'rollback' }, { action: 'deploy' }])
    expect((await deployer('jobs')).stdout).toMatch(/^JOB +STACK/)
  })

  it('signs for curl, plainly and with a timestamp', async () => {
    const headers = async (...args: string[]) => {
      const { stdout } = await deployer('sign', '--json', ...args)
      return JSON.parse(stdout) as Record<string, string>
    }
    expect((await client.raw('GET', '/stacks', await headers('--method', 'get', '--path', '/stacks'))).status).toBe(200)
    expect((await client.raw('GET', '/jobs', await headers('--plain', 'jobs'))).status).toBe(200)
    const timed = (await deployer('sign', '--method', 'GET', '--path', '/stacks')).stdout
    expect(timed).toMatch(/^X-Timestamp: \d+\nX-Signature: sha256=[0-9a-f]{64}\n$/)
  })

  it('reads its secret from a file, and works through npm', async () => {
    const file = join(world.root, '.secret')
    writeFileSync(file, `${world.secret}\n`)
    const settings = { DEPLOYER_URL: client.url, DEPLOY_SECRET_FILE: file }
    const stdout = await command('npm', ['run', '-s', 'deployer', '--', 'stacks', '--json'], settings, repository)
    expect(JSON.parse(stdout)).toHaveLength(1)
  })

  it.each([
    [[], 'Usage: deployer'],
    [['deploy'], "missing required argument 'stack'"],
    [['destroy', 'everything'], "unknown command 'destroy'"],
    [['deploy', 'media', '--wait', '--detach'], 'cannot be used with'],
    [['deploy', 'media', '--timeout', 'soon'], 'number of seconds'],
    [['jobs', '--state', 'odd'], 'Allowed choices'],
  ])('ends with 2 when it is called wrongly: %j', async (args, message) => {
    const { code, stdout, stderr } = await deployer(...args)
    expect([code, stdout, stderr]).toEqual([2, '', expect.stringContaining(message)])
  })

  it('ends with 2 without a secret or with an odd address', async () => {
    const bare = await runDeployer(['stacks'], { DEPLOYER_URL: client.url })
    expect([bare.code, bare.stderr]).toEqual([2, expect.stringContaining('DEPLOY_SECRET')])
    const odd = await runDeployer(['stacks'], { ...env, DEPLOYER_URL: 'deploy.example.com' })
    expect([odd.code, odd.stderr]).toEqual([2, expect.stringContaining('DEPLOYER_URL')])
  })

  it('teaches with --help, and completes in the shell', async () => {
    const help = await deployer('--help')
    expect(help.code).toBe(0)
    for (const word of ['DEPLOYER_URL', 'Exit codes', 'Examples', 'doctor']) expect(help.stdout).toContain(word)
    const script = await deployer('completion', 'bash')
    writeFileSync(join(world.root, '.completion'), script.stdout)
    await command('bash', ['-n', join(world.root, '.completion')])
    const words = (await deployer('complete', '--', 'de')).stdout
    expect(words).toContain('deploy')
    expect((await deployer('complete', '--', 'deploy', '--')).stdout).toContain('--detach')
  })
})
