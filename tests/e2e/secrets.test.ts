import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { publishImage } from '../../lab/sample-image.ts'
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
})
