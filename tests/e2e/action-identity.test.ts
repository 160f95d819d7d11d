import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../lab/free-port.ts'
import { startIssuer } from '../../lab/issuer.ts'
import { runAction } from '../../lab/run-action.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { spyPrograms } from '../../lab/spy-programs.ts'
import { until } from '../../lab/until.ts'
import { webFile } from '../../lab/world.ts'
import { engine, registry, useWorld } from '../support.ts'

const world = useWorld()
const image = `${registry}/identity:latest`
await publishImage(engine, image, 'v1')
const stack = await world.addStack('identity', webFile(image))
const issuer = await startIssuer()
const port = await freePort()
const keys = join(world.root, '.keys.yaml')
writeFileSync(
  keys,
  `keys:
  - {id: ci, secret: the-secret-of-the-ci, stacks: [${stack.name}], actions: [deploy, read]}
oidc:
  - issuer: ${issuer.url}
    audience: http://127.0.0.1:${port}
    rules:
      - {claims: {repository: me/identity}, stacks: [${stack.name}], actions: [deploy, read]}
`,
)
const { client } = await world.start('all', { PORT: String(port), DEPLOY_KEYS_FILE: keys })

/** What GitHub gives to a job with `permissions: id-token: write`: an address that makes tokens for an audience. */
let repository = 'me/identity'
let asked = 0
const github = createServer((request, response) => {
  asked++
  const audience = new URL(request.url ?? '', 'http://x').searchParams.get('audience') ?? ''
  if (request.headers.authorization !== 'Bearer of-this-job') return response.writeHead(401).end('{}')
  return void issuer
    .token({ aud: audience, sub: `repo:${repository}`, repository })
    .then((value) => response.end(JSON.stringify({ value })))
}).listen(0, '127.0.0.1')
await once(github, 'listening')
afterAll(async () => {
  github.close()
  await issuer.stop()
})
const workflow = {
  ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${(github.address() as AddressInfo).port}/token?api-version=2.0`,
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'of-this-job',
}
const inputs = { URL: client.url, SECRET: '', STACK: stack.name }

beforeAll(async () => {
  await stack.compose('up', '-d')
  await until('the stack to be known', async () => (await client.plain('POST', `/deploy/${stack.name}?wait=1`, stack.name)).status === 200)
})

describe('the action without a shared secret', () => {
  it("deploys with the workflow's own identity, whose token it masks", async () => {
    const spies = spyPrograms(join(world.root, '.spies'))
    const { code, log, outputs } = await runAction(inputs, { ...workflow, PATH: spies.path })
    expect(code, log).toBe(0)
    expect(outputs).toMatchObject({ state: 'succeeded', ok: 'true' })
    expect(asked).toBeGreaterThan(0)
    const [, token = ''] = /^::add-mask::(\S+)$/m.exec(log) ?? []
    expect(token.split('.')).toHaveLength(3)
    expect(log.split(token)).toHaveLength(2)
    // Neither it nor what it is asked for with is seen by whoever lists processes.
    expect(spies.args()).toContain('/token?api-version=2.0')
    for (const secret of [token, workflow.ACTIONS_ID_TOKEN_REQUEST_TOKEN]) expect(spies.args()).not.toContain(secret)
  })

  it('is refused when no rule fits the workflow, and says so when there is no token', async () => {
    repository = 'somebody/else'
    const refused = await runAction(inputs, workflow)
    expect([refused.code, refused.log]).toEqual([3, expect.stringContaining('token_invalid')])
    const none = await runAction(inputs, { ...workflow, ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'of-another' })
    expect([none.code, none.log]).toEqual([4, expect.stringContaining('no OpenID Connect token')])
  })
})

describe('the action with a scoped key', () => {
  it('signs with it, and knows of no other stack', async () => {
    const withKey = { ...inputs, SECRET: 'the-secret-of-the-ci' }
    const { code, log } = await runAction(withKey, { DEPLOYER_KEY_ID: 'ci' })
    expect(code, log).toBe(0)
    const other = await runAction({ ...withKey, STACK: 'other' }, { DEPLOYER_KEY_ID: 'ci' })
    expect([other.code, other.log]).toEqual([3, expect.stringContaining('stack_not_found')])
  })
})
