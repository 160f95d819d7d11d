import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { settingNames } from '@deployer/shared/settings-schema'

const read = (file: string) => parse(readFileSync(join(import.meta.dirname, '..', file), 'utf8'), { merge: true })
const { api, worker } = read('docker-compose.yml').services
const second = read('docs/examples/docker-compose.worker.yml').services.worker
const names = (service: any) => Object.keys(service.environment)

it('docker-compose.yml hands every setting on, but for one that means nothing where both sides of a mount have one path', () => {
  const handed = new Set([...names(api), ...names(worker)])
  expect(settingNames.filter((name) => !handed.has(name))).toEqual(['HOST_STACKS_ROOT'])
})

it("the second host's worker has the same settings and the same ceiling as the first's", () => {
  expect(names(second).filter((name) => name !== 'NODE_EXTRA_CA_CERTS')).toEqual(names(worker))
  expect(second.mem_limit).toBe(worker.mem_limit)
})
