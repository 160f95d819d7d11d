import { hmac } from './client.ts'
import type { Random } from './random.ts'

/** What hostile requests are made for: a running API, its secrets, and what it has. */
export interface Target {
  secret: string
  /** Of the scoped key `scoped`. */
  keySecret: string
  /** The dashboard's login, as `Authorization` has it. */
  board: string
  metricsToken: string
  host: string
  /** A stack, one of the scoped key's, and a job that is kept. */
  stack: string
  scoped: string
  job: string
}

const ODD_STACKS = ['constructor', 'x%00y', '%c3%a9', '%', '-', ' ']
const QUERIES = [
  '',
  '',
  '',
  'wait=x',
  'timeout=1e9',
  'limit=0',
  '__proto__=1',
  'wait=0&wait=1',
  '%',
  'host[]=1',
  'wait=1&timeout=0',
  'limit=3',
]
const MORE_QUERIES = [
  'host=nowhere',
  'host=..',
  'key=x',
  'key=scoped',
  'state=queued',
  'state=',
  'stack=..',
  'stack=%00',
  'wait=1&timeout=0.001',
]
const BODIES = [
  '',
  '{}',
  '{"stack":7}',
  '{"stack":"..","__proto__":{"a":1}}',
  '[',
  'null',
  '"x"',
  '[]',
  '{"stack":"\\u0000"}',
  '\xff\xfe',
  '{"a":'.repeat(300),
  '['.repeat(4000),
  '{"to":-1}',
  '{"to":1e99}',
  '{"to":1}',
  '{"host":{"$gt":""}}',
  `{"expect":{"web":"sha256:${'0'.repeat(64)}"}}`,
  '{"expect":{"__proto__":"x"}}',
  `{"expect":${JSON.stringify(Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`s${index}`, `sha256:${'a'.repeat(64)}`])))}}`,
  'x'.repeat(4100),
]
const NOWHERE = ['/nowhere', '/%00', '/%', '/\\..', '//x//', '/deploy/a/b', '/jobs/x/y', '/dashboard/../metrics', '/docs/x']
const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'] as const

/** Makes requests for one target. */
export function createOddRequest(target: Target): (random: Random) => Buffer {
  return (random) => oddRequest(random, target)
}

/** Well-formed HTTP with nonsense in it. Most of it names a route with its method, and most of that comes past the gates. */
function oddRequest(random: Random, target: Target): Buffer {
  const isRoute = random.chance(0.85)
  const [ownMethod, ownPath, subject] = route(random, target)
  const method = isRoute ? ownMethod : random.pick(METHODS)
  const chosen = [random.pick(random.chance(0.6) ? QUERIES : MORE_QUERIES), `n=${random.below(2 ** 31)}`].filter(Boolean).join('&')
  const path = `${isRoute || random.chance(0.5) ? ownPath : random.pick(NOWHERE)}?${chosen}`
  const body =
    method === 'POST' || method === 'PUT'
      ? Buffer.from(random.chance(0.4) ? random.pick(['', '{}']) : random.pick([...BODIES, `{"stack":"${target.stack}"}`]), 'latin1')
      : Buffer.alloc(0)
  const headers = [
    `Host: ${random.pick(['localhost', 'x', '127.0.0.1:1', 'a.example'])}`,
    ...(body.length > 0 || method === 'POST' ? [`Content-Length: ${body.length}`] : []),
    ...(path.startsWith('/dashboard') || path.startsWith('/metrics')
      ? login(random, target, path)
      : proof(random, target, method, path, subject, body)),
    ...(random.chance(0.1) ? [`X-Forwarded-For: ${random.pick(['1.1.1.1', ',,,', 'x', '::1, ::2', 'é'])}`] : []),
    ...(random.chance(0.2) ? [`Idempotency-Key: ${random.pick(['', 'x', 'z', `${random.below(50)}`, 'y'.repeat(300)])}`] : []),
    ...(random.chance(0.1) ? [`Last-Event-ID: ${random.pick(['x', '0-0', '9'.repeat(30), '1-1', '-'])}`] : []),
    ...(random.chance(0.1) ? [`X-Request-Id: ${random.pick(['a', '<script>', 'x'.repeat(500)])}`] : []),
    ...(random.chance(0.1) ? [`traceparent: ${random.pick(['x', '00-0-0-0'])}`] : []),
    ...(random.chance(0.1) ? [`X-GitHub-Event: ${random.pick(['ping', 'push', 'x', ''])}`] : []),
  ]
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`, 'latin1'), body])
}

/** A route, its method, and the message of a plain signature for it. */
function route(random: Random, { stack, scoped, job, host }: Target): [method: string, path: string, subject: string] {
  const stacks = [stack, stack, stack, scoped, 'no-such-stack', '..', '%2e%2e%2f', '__proto__', 'a'.repeat(200)]
  const name = random.pick(random.chance(0.9) ? stacks : [...ODD_STACKS, `${stack}@x`])
  const id = random.pick([job, job, job, '0199aaaa-0000-7000-8000-000000000000', 'x', '..%2f', job.toUpperCase(), '__proto__', '%00'])
  const queue = encodeURIComponent(`${random.pick(stacks)}@${host}`)
  return random.pick<[string, string, string]>([
    ['POST', `/deploy/${name}`, name],
    ['POST', `/deploy/${name}`, name],
    ['POST', '/deploy', ''],
    ['POST', '/deploy', ''],
    ['GET', '/jobs', 'jobs'],
    ['GET', `/jobs/${id}`, id],
    ['GET', `/jobs/${id}`, id],
    ['GET', `/jobs/${id}/events`, id],
    ['HEAD', `/jobs/${id}/events`, id],
    ['DELETE', `/jobs/${id}`, id],
    ['GET', '/stacks', 'stacks'],
    ['POST', `/stacks/${name}/rollback`, name],
    ['POST', `/stacks/${name}/plan`, name],
    ['GET', `/stacks/${name}/releases`, name],
    ['GET', '/dashboard/api/queues', ''],
    ['GET', `/dashboard/api/queues/${queue}/${id}`, ''],
    ['PUT', `/dashboard/api/queues/${queue}/${id}/${random.pick(['retry', 'promote', 'clean', 'update-data'])}`, ''],
    ['GET', '/metrics', ''],
    [random.pick(['GET', 'POST']), '/health', ''],
    ['GET', random.pick(['/ready', '/openapi.json', '/docs', '/dashboard']), ''],
  ])
}

/** Three of four prove who they are, with one of all that do. */
function proof(random: Random, { secret: main, keySecret }: Target, method: string, path: string, subject: string, body: Buffer): string[] {
  const timestamp = String(Math.floor(Date.now() / 1000) - random.below(random.chance(0.95) ? 290 : 2 ** 31))
  const timed = (secret: string) => [
    `X-Timestamp: ${timestamp}`,
    `X-Signature: ${hmac(secret, Buffer.concat([Buffer.from(`${timestamp}.${method}.${path}.`, 'latin1'), body]))}`,
  ]
  const plain = (secret: string) => hmac(secret, body.length > 0 ? body : Buffer.from(subject, 'latin1'))
  const chance = random.below(100)
  if (chance < 50) return timed(main)
  if (chance < 62) return [`X-Signature: ${plain(main)}`]
  if (chance < 72) return [...timed(keySecret), 'X-Key-Id: scoped']
  if (chance < 77) return [`X-Hub-Signature-256: sha256=${plain(random.pick([keySecret, main]))}`]
  if (chance < 79) return [`X-Gitlab-Token: ${random.pick([keySecret, 'x', ''])}`, 'X-Gitlab-Event: Push Hook']
  if (chance < 84)
    return [`Authorization: ${random.pick(['Bearer x.y.z', 'Bearer', 'Basic Og==', 'Basic !!', 'Digest', `Bearer ${'e30.'.repeat(3)}`])}`]
  if (chance < 88) return [...timed(main), `X-Key-Id: ${random.pick(['x', '', '__proto__', 'default', 'é'.repeat(50)])}`]
  if (chance < 94)
    return [`X-Signature: ${random.pick(['', 'x', '0'.repeat(64), 'sha256=', 'é'])}`, ...(random.chance(0.5) ? ['X-Timestamp: 1e5'] : [])]
  return []
}

/** Three of four are right. */
function login(random: Random, { board, metricsToken }: Target, path: string): string[] {
  const right = path.startsWith('/metrics') ? `Bearer ${metricsToken}` : board
  return random.chance(0.97)
    ? [
        `Authorization: ${random.chance(0.77) ? right : random.pick(['Basic Og==', 'Basic !!', 'Bearer x', 'Basic YWRtaW46eA==', 'Digest'])}`,
      ]
    : []
}
