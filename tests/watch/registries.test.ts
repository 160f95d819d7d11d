import { afterAll, expect, it } from 'vitest'
import { createEngine } from '../../apps/worker/src/adapters/engine-api.ts'
import { createPatientEngine } from '../../apps/worker/src/adapters/patient-engine.ts'
import { machineClock } from '../../apps/worker/src/clock.ts'
import type { Clock } from '../../apps/worker/src/ports.ts'
import { registryLogin } from '../../apps/worker/src/stacks/registry-login.ts'
import { askRegistries, type Question } from '../../apps/worker/src/watch/ask-registries.ts'
import { createAskRegistry } from '../../apps/worker/src/watch/ask-registry.ts'
import { command } from '../../lab/command.ts'
import { freePort } from '../../lab/free-port.ts'
import { HUB_LOGIN, ODD_DIGEST, startOddRegistry } from '../../lab/odd-registry.ts'
import { startOwnEngine } from '../../lab/own-engine.ts'
import { registryDigest } from '../../lab/registry-digest.ts'
import { startRegistry } from '../../lab/registry.ts'
import { makeImage, publishImage } from '../../lab/sample-image.ts'
import { startTlsFront } from '../../lab/tls-front.ts'
import { engine, registry, useWorld } from '../support.ts'

const world = useWorld()
const patient = createPatientEngine(createEngine(engine.dockerHost), machineClock)
const odd = await startOddRegistry()
afterAll(() => odd.stop())
const hub = `http://${odd.address}`
const never = new AbortController().signal
/** What is slow is over at once. */
const hasty: Clock = { ...machineClock, timeout: () => AbortSignal.timeout(1500) }
const image = `${registry}/asked:latest`
await publishImage(engine, image, 'v1')
const digest = await registryDigest(image)

async function ask(names: (string | Question)[], pauses: Record<string, string> = {}, by = patient, clock = machineClock) {
  const questions = names.map((one) => (typeof one === 'string' ? { image: one, logins: [null] } : one))
  return Object.fromEntries(await askRegistries(questions, createAskRegistry(by, hub), clock, { pauses, refusals: {} }, never))
}

it('a registry tells the digest that a name has now', async () => {
  expect(await ask([image])).toEqual({ [image]: { digest } })
})

it('one with a login is asked with the stack’s own, in plain sight or by a helper', async () => {
  const closed = await startRegistry({ user: 'me', password: 'a-password' })
  const name = `${closed.address}/private:latest`
  const auth = Buffer.from('me:a-password').toString('base64')
  const stack = await world.addStack('login', () => 'services: {}\n', {
    '.docker/config.json': JSON.stringify({ auths: { [closed.address]: { auth } } }),
  })
  await makeImage(engine, name, 'v1')
  await command('docker', ['--config', `${stack.dir}/.docker`, 'push', '--quiet', name], { DOCKER_HOST: engine.dockerHost })
  expect(await ask([name])).toEqual({ [name]: { problem: expect.any(String) as string, isMissing: true } })

  const login = await registryLogin(stack.dir, name, 0)
  expect(login).toEqual({ username: 'me', password: 'a-password', serveraddress: closed.address })
  // Two stacks have the image: one without a login, one with it.
  expect(await ask([{ image: name, logins: [null, login] }])).toEqual({ [name]: { digest: expect.stringMatching(/^sha256:/) as string } })

  stack.write('bin/docker-credential-lab', `#!/bin/sh\nread -r server\nprintf '{"Username":"me","Secret":"of %s"}' "$server"\n`)
  await command('chmod', ['+x', `${stack.dir}/bin/docker-credential-lab`])
  stack.write('.docker/config.json', JSON.stringify({ credHelpers: { [closed.address]: 'lab' } }))
  const path = process.env['PATH']
  process.env['PATH'] = `${stack.dir}/bin:${path}`
  expect(await registryLogin(stack.dir, name, 0)).toMatchObject({ username: 'me', password: `of ${closed.address}` })
  process.env['PATH'] = path
  await closed.stop()
})

it('one with a certificate of its own is asked as the engine takes it', async () => {
  const front = await startTlsFront(registry)
  const name = `${front.address}/asked:latest`
  expect(await ask([name])).toEqual({ [name]: { digest } })
  front.stop()
})

it('one that answers 500, slowly, or not at all is no update, and is not asked on and on', async () => {
  const absent = `127.0.0.1:${await freePort()}`
  const names = ['broken', 'slow'].map((name) => `${odd.address}/${name}/app:1`)
  const many = Array.from({ length: 20 }, (_, index) => `${absent}/app${index}:1`)
  const answers = await ask([...names, ...many, image], {}, patient, hasty)
  expect(answers[image]).toEqual({ digest })
  for (const name of [...names, ...many]) expect(answers[name]).toEqual({ problem: expect.any(String) as string, isMissing: false })
  expect(many.filter((name) => JSON.stringify(answers[name]).includes('does not answer')).length).toBeGreaterThan(10)
})

it('one that says "too many" is left alone for as long as it says, and for a while where the engine does not pass that on', async () => {
  const pauses: Record<string, string> = {}
  const before = Date.now()
  const answers = await ask(['many/app:1', `${odd.address}/many/app:1`], pauses)
  expect(Object.values(answers)).toEqual([expect.objectContaining({ isMissing: false }), expect.objectContaining({ isMissing: false })])
  const left = (name: string) => Math.round((Date.parse(pauses[name] ?? '') - before) / 60_000)
  expect([left('docker.io'), left(odd.address)]).toEqual([2, 15])
  const busy: Record<string, string> = {}
  const [said] = Object.values(await ask([`${odd.address}/busy/app:1`], busy))
  expect(Math.round((Date.parse(busy[odd.address] ?? '') - Date.now()) / 60_000)).toBe(1)
  expect(said).toEqual({ problem: expect.stringContaining(`left alone until ${busy[odd.address]}`) as string, isMissing: false })
  odd.seen.length = 0
  await ask(['many/app:1', 'library/app:1', `${odd.address}/app:1`], pauses)
  expect(odd.seen).toEqual([])
  expect(await ask(['library/app:1'], { 'docker.io': new Date(before - 1).toISOString() })).toEqual({
    'library/app:1': { digest: ODD_DIGEST },
  })
})

it('Docker Hub is asked by HEAD alone, with a token of the login that there is', async () => {
  odd.seen.length = 0
  const names = ['app', 'docker.io/library/app:2', 'me/app:1.0']
  expect(await ask(names)).toEqual(Object.fromEntries(names.map((name) => [name, { digest: ODD_DIGEST }])))
  const manifests = odd.seen.filter((one) => one.includes('/manifests/'))
  expect(manifests.every((one) => one.startsWith('HEAD '))).toBe(true)
  expect(new Set(manifests)).toEqual(
    new Set(['/v2/library/app/manifests/latest', '/v2/library/app/manifests/2', '/v2/me/app/manifests/1.0'].map((path) => `HEAD ${path}`)),
  )
  expect(await ask(['private/app:1'])).toEqual({ 'private/app:1': expect.objectContaining({ isMissing: true }) as object })
  expect(await ask([{ image: 'private/app:1', logins: [HUB_LOGIN] }])).toEqual({ 'private/app:1': { digest: ODD_DIGEST } })
})

it('Docker Hub’s login is that of the stack’s own configuration, under any of its names', async () => {
  const auth = Buffer.from(`${HUB_LOGIN.username}:${HUB_LOGIN.password}`).toString('base64')
  const stack = await world.addStack('hub', () => 'services: {}\n')
  for (const name of [HUB_LOGIN.serveraddress, 'docker.io', 'index.docker.io']) {
    stack.write('.docker/config.json', JSON.stringify({ auths: { [name]: { auth }, 'ghcr.io': { auth: 'eDp5' } } }))
    for (const image of ['private/app:1', 'docker.io/private/app:1', 'index.docker.io/private/app:1']) {
      const login = await registryLogin(stack.dir, image, 0)
      expect(login).toEqual(HUB_LOGIN)
      expect(await ask([{ image, logins: [login] }])).toEqual({ [image]: { digest: ODD_DIGEST } })
    }
  }
})

it('a mirror that the engine has for Docker Hub is asked instead', async () => {
  const other = await startOwnEngine({ liveRestore: false, mirror: `http://${registry}` })
  const name = `${registry}/library/mirrored:latest`
  await publishImage(engine, name, 'v1')
  odd.seen.length = 0
  const by = createPatientEngine(createEngine(other.dockerHost), machineClock)
  const answers = await ask(['mirrored'], {}, by)
  await other.stop()
  expect(answers).toEqual({ mirrored: { digest: await registryDigest(name) } })
  expect(odd.seen).toEqual([])
})

it('no more than four questions are open at once', async () => {
  let open = 0
  let most = 0
  const slowly = async () => {
    most = Math.max(most, ++open)
    await machineClock.wait(60, never)
    open--
    return digest
  }
  const questions = Array.from({ length: 30 }, (_, index) => ({ image: `r${index}.example.com/app:1`, logins: [null] }))
  expect((await askRegistries(questions, slowly, machineClock, { pauses: {}, refusals: {} }, never)).size).toBe(30)
  expect(most).toBe(4)
})
