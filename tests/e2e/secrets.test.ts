import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { deployAndWait } from '../../lab/deploy-and-wait.ts'
import { runDeployer } from '../../lab/run-deployer.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { startStack } from '../../lab/start-stack.ts'
import { until } from '../../lab/until.ts'
import { webFile } from '../../lab/world.ts'
import { engine, registry, useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
const image = `${registry}/secrets:latest`

/** Values that must be seen nowhere. */
const hidden = {
  DB_PASSWORD: `pw-${randomBytes(8).toString('hex')}`,
  API_TOKEN: `tok$${randomBytes(8).toString('hex')}`,
  PLAIN: 'just-a-value',
}

describe('secrets', () => {
  it('of a stack and of ours are in no answer, no log line and no key of Redis', async () => {
    await publishImage(engine, image, 'v1')
    const dotEnv = `DB_PASSWORD=${hidden.DB_PASSWORD}\nAPI_TOKEN='${hidden.API_TOKEN}'\nPLAIN=${hidden.PLAIN}\n`
    const environment = '    environment:\n      DB_PASSWORD: ${DB_PASSWORD}\n      API_TOKEN: ${API_TOKEN}\n      PLAIN: ${PLAIN}\n'
    const stack = await world.addStack('secrets', webFile(image, environment), { '.env': dotEnv })
    await stack.compose('up', '-d')
    const settings = { REDIS_URL: redis.url, LOG_LEVEL: 'trace', DEPLOY_SECRET_PREVIOUS: `previous-${randomBytes(8).toString('hex')}` }
    const worker = await world.start('worker', settings)
    const api = await world.start('api', settings)
    const { client } = api
    const answers: string[] = []
    const deploy = async () => {
      const answer = await client.plain('POST', `/deploy/${stack.name}?wait=1`, stack.name)
      answers.push(answer.text, JSON.stringify([...answer.headers]))
      return answer
    }
    await until('a deploy', async () => (await deploy()).status === 200)
    // Compose's own errors quote what it was given.
    stack.write('compose.yaml', webFile(image, `${environment}    ports_of: \${DB_PASSWORD}\n    cpus: \${API_TOKEN}\n`)(1))
    const broken = await deploy()
    expect(broken.status).toBe(500)
    stack.write('compose.yaml', `services:\n  web:\n    image: "\${PLAIN} \${DB_PASSWORD}"\n`)
    const invalid = await deploy()
    expect(invalid.status).toBe(500)
    expect(invalid.text).toContain('***')
    answers.push((await client.plain('GET', '/jobs', 'jobs')).text, (await client.plain('GET', '/stacks', 'stacks')).text)
    answers.push(await client.plain('POST', '/deploy', '', { stack: hidden.PLAIN }).then(({ headers }) => JSON.stringify([...headers])))
    const keys = (await redis.cli('--scan')).trim().split('\n')
    const stored = [...keys]
    for (const key of keys) {
      for (const read of [['get'], ['hgetall'], ['lrange', '0', '-1'], ['zrange', '0', '-1'], ['smembers'], ['xrange', '-', '+']]) {
        stored.push(await redis.cli(read[0] ?? '', key, ...read.slice(1)).catch(() => ''))
      }
    }
    const places = { answers: answers.join('\n'), worker: worker.output(), api: api.output(), redis: stored.join('\n') }
    expect(places.redis).toContain('succeeded')
    for (const secret of [...Object.values(hidden), world.secret, settings.DEPLOY_SECRET_PREVIOUS]) {
      for (const [place, text] of Object.entries(places)) expect(text.includes(secret), `${secret} in ${place}`).toBe(false)
    }
  })

  it('are in no tail, event or terminal when a container says them, wherever the stack has them from; nor are its escapes', async () => {
    await publishImage(engine, image, 'v1')
    const random = () => randomBytes(6).toString('hex')
    const said = { url: `u-${random()}`, envFile: `e-${random()}`, file: `f-${random()}`, escaped: `x-${random()}`, plain: `p-${random()}` }
    const more = `    env_file: app.env
    environment:
      DB_URL: "postgres://app:${said.url}@db/app"
      ESCAPED: "${said.escaped}\\e[31m-behind"
    secrets: [key]
`
    const secrets = `secrets: { key: { file: ./key.txt } }\n`
    const files = {
      'app.env': `QUEUE=amqp://app:${said.envFile}@queue\n`,
      'key.txt': `${said.file}\n`,
      '.env': `PLAIN=${said.plain}\nMODE=start\n`,
    }
    const stack = await world.addStack('leaky', (port) => webFile(image, more)(port) + secrets, files)
    await stack.compose('up', '-d')
    const { client } = await world.start('all', { HEALTH_TIMEOUT: '20' })
    const script = `printf '\\033[2Jcannot start with %s\\n' "$$DB_URL" "$$QUEUE" "$$ESCAPED" ${said.plain} app:${said.url}@db $$(/bin/busybox cat /run/secrets/key); sleep 1; exit 1`
    const command = `    command: ["/bin/busybox", "sh", "-c", ${JSON.stringify(script)}]\n`
    stack.write('compose.yaml', webFile(image, more + command)(Number(new URL(stack.url).port)) + secrets)
    const { body } = await until('a deploy', async () => {
      const answer = await client.plain('POST', `/deploy/${stack.name}?wait=1`, stack.name)
      return answer.status === 404 ? null : answer
    })
    expect(body.ok, JSON.stringify(body)).toBe(false)
    const job = JSON.stringify(body)
    // The value of MODE stands alone there; in our own "started" it is left.
    expect(job).toContain('web started')
    expect(job).toContain('cannot *** with ***')
    const events = await client.timed('GET', `/jobs/${body.job_id}/events`)
    const env = { DEPLOYER_URL: client.url, DEPLOY_SECRET: world.secret }
    const shown = await Promise.all([runDeployer(['job', body.job_id], env), runDeployer(['logs', body.job_id, '-f'], env)])
    const terminal = shown.map(({ stdout, stderr }) => stdout + stderr).join('\n')
    expect(terminal).toContain('cannot *** with ***')
    for (const [place, text] of Object.entries({ job, events: events.text, terminal })) {
      for (const [name, secret] of Object.entries(said)) expect(text.includes(secret), `${name} in ${place}`).toBe(false)
      expect(text.includes('\u001b') || text.includes('\\u001b'), `an escape in ${place}`).toBe(false)
      expect(text).not.toMatch(/\w\*\*\*\w/)
    }
  })

  it('of what a rollback brings back are in no tail either, though the stack has others by then', async () => {
    await publishImage(engine, image, 'v1')
    const [former = '', next = ''] = ['former', 'next'].map((name) => `${name}-${randomBytes(6).toString('hex')}`)
    const script = 'echo my password is $$PASSWORD; test -f /gate/open || exit 1; exec httpd -f -p 8080 -h /www'
    const more = `    command: ["/bin/busybox", "sh", "-c", "${script}"]\n    environment: { PASSWORD: "\${PASSWORD}" }\n    volumes: ["./gate:/gate:ro"]\n`
    const { client } = await world.start('all', { WORKER_NAME: 'former', DATA_DIR: `${world.root}/.former` })
    const stack = await startStack(world, client, 'former', webFile(image, more), { '.env': `PASSWORD=${former}\n`, 'gate/open': '' })
    // Neither the one nor the other starts any more.
    rmSync(`${stack.dir}/gate/open`)
    stack.write('.env', `PASSWORD=${next}\n`)
    const { body, text } = await deployAndWait(client, stack.name)
    expect(body, text).toMatchObject({ code: 'rollback_failed' })
    for (const name of ['verify', 'rollback']) {
      expect(body.steps.find((step: any) => step.name === name).tail).toContain('my password is ***')
    }
    for (const secret of [former, next]) expect(text).not.toContain(secret)
  })
})
