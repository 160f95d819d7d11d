import { expect, it } from 'vitest'
import { explainNoAnswer } from './explain-no-answer.ts'

const about = { registry: 'reg.example.com', dir: '/opt/stacks/media', hasLogin: false }
const hub = { ...about, registry: 'docker.io' }

// As engines 26 and 28, Docker Hub by itself, and a round of questions say it.
it.each([
  [
    'Get "https://reg.example.com/v2/app/manifests/1": no basic auth credentials',
    /wants a login/,
    /docker --config \/opt\/stacks\/media\/\.docker login reg\.example\.com/,
  ],
  ['errors:\ndenied: requested access to the resource is denied\nunauthorized: authentication required\n', /wants a login/, / login /],
  ['manifest unknown: manifest unknown', /has no such image/, /name and tag/],
  [
    'Get "https://reg.example.com/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority',
    /does not trust/,
    /\/etc\/docker\/certs\.d\/reg\.example\.com\/ca\.crt/,
  ],
  ['Get "https://reg.example.com/v2/": http: server gave HTTP response to HTTPS client', /speaks no TLS/, /insecure-registries/],
  ['Get "http://reg.example.com/v2/": dial tcp 127.0.0.1:1: connect: connection refused', /cannot be reached/, /Does it run/],
  [
    'Get "https://reg.example.com/v2/": dial tcp: lookup reg.example.com on 127.0.0.11:53: no such host',
    /cannot be reached/,
    /Does it run/,
  ],
  [
    'Get "https://reg.example.com/v2/": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)',
    /cannot be reached/,
    /Does it run/,
  ],
  ['The operation was aborted due to timeout', /cannot be reached/, /Does it run/],
  ['reg.example.com does not answer', /cannot be reached/, /Does it run/],
  ['received unexpected HTTP status: 500 Internal Server Error', /goes wrong/, /registry's own log/],
])('%s', (problem, why, todo) => {
  expect(explainNoAnswer(problem, about)).toEqual({
    level: 'mend',
    why: expect.stringMatching(why) as string,
    todo: expect.stringMatching(todo) as string,
  })
})

it.each([
  ['Get "https://reg.example.com/v2/tls: denied/manifests/1": EOF', /cannot be reached/],
  ['Get "https://denied.example.com/v2/": dial tcp: lookup denied.example.com on 127.0.0.11:53: no such host', /cannot be reached/],
  ['Docker Hub answered 404 for me/denied:1', /has no such image$/],
])('what is asked for may be called like a reason: %s', (problem, why) => {
  expect(explainNoAnswer(problem, about).why).toMatch(why)
})

it('Docker Hub does not tell what it hides from what it does not have', () => {
  expect(explainNoAnswer('Docker Hub answered 401 for me/app:1', hub)).toMatchObject({
    why: expect.stringMatching(/has no such image, or wants a login/) as string,
  })
  expect(explainNoAnswer('Docker Hub answered 404 for library/app:1', hub).why).toMatch(/has no such image/)
})

it('a login that is there and not taken is told as that', () => {
  const { why, todo } = explainNoAnswer('unauthorized: authentication required', { ...about, hasLogin: true })
  expect(why).toMatch(/does not take the login/)
  expect(todo).toMatch(/anew/)
})

it.each([
  'reg.example.com is left alone until 2026-01-01T00:00:00.000Z',
  'toomanyrequests: You have reached your pull rate limit',
  'it was not asked: the time was over',
])('what passes by itself is a hint: %s', (problem) => expect(explainNoAnswer(problem, about).level).toBe('hint'))
