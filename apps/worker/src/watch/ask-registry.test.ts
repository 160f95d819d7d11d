import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, expect, it } from 'vitest'
import { machineClock } from '../clock.ts'
import type { Engine } from '../ports.ts'
import { askRegistries } from './ask-registries.ts'
import { createAskRegistry } from './ask-registry.ts'

const never = new AbortController().signal
const engine = { registryDigest: async () => 'by the engine', hasHubMirror: async () => false } as unknown as Engine
const retryAt = new Date(Math.ceil(Date.now() / 1000) * 1000 + 600_000)
const hub = createServer((_, response) => response.writeHead(429, { 'Retry-After': retryAt.toUTCString() }).end()).listen(0, '127.0.0.1')
await once(hub, 'listening')
const { port } = hub.address() as AddressInfo
afterAll(() => hub.close())
const image = 'library/app:1'

it('where Docker Hub cannot be reached from here, the engine is asked', async () => {
  expect(await createAskRegistry(engine, 'http://127.0.0.1:1')(image, null, never)).toBe('by the engine')
})

it('a time in Retry-After is kept as well as seconds', async () => {
  const left = { pauses: {} as Record<string, string>, refusals: {} }
  await askRegistries([{ image, logins: [null] }], createAskRegistry(engine, `http://127.0.0.1:${port}`), machineClock, left, never)
  expect(Math.round(Date.parse(left.pauses['docker.io'] ?? '') / 1000)).toBe(retryAt.getTime() / 1000)
})
