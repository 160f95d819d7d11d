import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { command } from '../../lab/command.ts'
import { deployAndWait } from '../../lab/deploy-and-wait.ts'
import { buildDeployerImage } from '../../lab/deployer-image.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { until } from '../../lab/until.ts'
import { untilPage, webFile } from '../../lab/world.ts'
import { engine, registry, useWorld } from '../support.ts'

// The second host: a folder with what docs/examples/docker-compose.worker.yml asks for.
const world = useWorld()
const project = `deployer-second-${world.settings['WORKER_NAME']}`
const folder = join(world.root, '.second')
mkdirSync(folder)
copyFileSync(join(import.meta.dirname, '../../docs/examples/docker-compose.worker.yml'), join(folder, 'compose.yaml'))
const compose = (...args: string[]) => command('docker', ['compose', '-p', project, ...args], { DOCKER_HOST: engine.dockerHost }, folder)

afterAll(async () => {
  await engine.docker('rm', '-f', '-v', project).catch(() => undefined)
  await compose('down', '-v', '-t', '5').catch(() => undefined)
  await engine.docker('network', 'rm', project).catch(() => undefined)
})

/** The first host's Redis, by the users and the TLS of docs/recipes.md. @returns Its address, for who runs on this machine. */
async function startFirstHost(): Promise<string> {
  await engine.docker('network', 'create', project)
  const subnet = (await engine.docker('network', 'inspect', project, '--format', '{{(index .IPAM.Config 0).Subnet}}')).trim()
  // The first container of a network has the address after the gateway's.
  const address = subnet.replace(/\d+\/\d+$/, '2')
  const key = join(folder, 'redis.key')
  const request = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=redis'
  const names = ['-addext', `subjectAltName=DNS:redis.example.com,IP:${address}`]
  await command('openssl', [...request.split(' '), ...names, '-keyout', key, '-out', join(folder, 'redis.crt')])
  await command('chmod', ['644', key])
  const tls = '--port 0 --tls-port 6379 --tls-auth-clients no --tls-cert-file /tls/redis.crt --tls-key-file /tls/redis.key'
  const users = ['api', 'worker'].flatMap((role) => {
    return ['--user', role, 'on', `>${role}-password`, '~deployer:*', '&deployer:*', '+@all', '-@admin', '-@dangerous', '+info']
  })
  const run = ['run', '-d', '--name', project, '--network', project, '-v', `${folder}:/tls:ro`]
  await engine.docker(...run, 'redis:7', 'redis-server', '--appendonly', 'yes', '--user', 'default', 'off', ...users, ...tls.split(' '))
  return address
}

it('docs/examples/docker-compose.worker.yml is a second host as it is written', async () => {
  await buildDeployerImage(engine)
  const address = await startFirstHost()
  const socket = engine.dockerHost.replace('unix://', '')
  const settings = {
    REDIS_URL: 'rediss://worker:worker-password@redis.example.com:6379',
    WORKER_NAME: 'attic',
    STACKS_ROOT: world.root,
    DOCKER_SOCKET: socket,
    STEADY_TIME: '1',
    MIN_FREE_DISK: '0',
  }
  writeFileSync(
    join(folder, '.env'),
    Object.entries(settings)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  )
  await compose('up', '-d')
  // What a name server does for two hosts.
  await engine.docker('network', 'connect', '--alias', 'redis.example.com', `${project}_default`, project)

  const { client } = await world.start('api', {
    REDIS_URL: `rediss://api:api-password@${address}:6379`,
    NODE_EXTRA_CA_CERTS: join(folder, 'redis.crt'),
  })
  const image = `${registry}/second:latest`
  await publishImage(engine, image, 'v1')
  const stack = await world.addStack('second', webFile(image))
  await stack.compose('up', '-d')
  await until('the second host', async () => (await client.raw('GET', '/ready')).status === 200)
  await publishImage(engine, image, 'v2')
  const { body } = await deployAndWait(client, stack.name)
  expect(body).toMatchObject({ ok: true, host: 'attic' })
  await untilPage(stack, 'v2')
})
