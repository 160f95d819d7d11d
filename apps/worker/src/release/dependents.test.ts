import { describe, expect, it } from 'vitest'
import type { Container } from '../ports.ts'
import type { Plan, ServicePlan } from './compare.ts'
import { restartedWith, withDependents } from './dependents.ts'
import { ComposeModel } from './release.ts'

const definition = ComposeModel.parse({
  name: 'app',
  services: {
    web: {},
    network: { network_mode: 'service:web' },
    processes: { pid: 'service:network' },
    volumes: { volumes_from: ['web:ro'] },
    foreign: { volumes_from: ['container:web'] },
    after: { depends_on: { web: { condition: 'service_started' } } },
    later: { depends_on: { after: { condition: 'service_started', restart: true } } },
    alone: {},
  },
})
const containers = [{} as Container]
const keep: ServicePlan = { action: 'keep', why: null, containers }
const planOf = (web: ServicePlan): Plan =>
  Object.fromEntries(Object.keys(definition.services).map((name) => [name, name === 'web' ? web : keep]))
const madeAnew = (plan: Plan, version: string) =>
  Object.entries(withDependents(plan, definition, version)).flatMap(([name, { action }]) => (action === 'recreate' ? [name] : []))

describe('with a service that is made anew', () => {
  const plan = planOf({ action: 'recreate', why: 'image', containers })

  it.each(['2.29.4', '2.40.3', '5.0.0'])('Compose %s makes those anew that use its namespaces or volumes', (version) => {
    expect(madeAnew(plan, version)).toEqual(['web', 'network', 'processes', 'volumes'])
  })

  it.each(['2.26.1-4', '2.29.3', '2.3'])('Compose %s makes all anew that depend on it', (version) => {
    expect(madeAnew(plan, version)).toEqual(['web', 'network', 'processes', 'volumes', 'after', 'later'])
  })

  it('says that it is the definition, which names another container then', () => {
    expect(withDependents(plan, definition, '2.40.3')).toMatchObject({
      web: { why: 'image' },
      network: { action: 'recreate', why: 'definition' },
    })
  })
})

it('one that was missing has a new container too; one that gets a second one does not, nor one that is started', () => {
  expect(madeAnew(planOf({ action: 'create', why: 'missing', containers: [] }), '2.40.3')).toEqual(['network', 'processes', 'volumes'])
  expect(madeAnew(planOf({ action: 'create', why: 'missing', containers }), '2.40.3')).toEqual([])
  expect(madeAnew(planOf({ action: 'start', why: 'stopped', containers }), '2.26.1')).toEqual([])
})

it('a service that has no container is made once', () => {
  const plan = {
    ...planOf({ action: 'recreate', why: 'image', containers }),
    network: { action: 'create', why: 'missing', containers: [] } as ServicePlan,
  }
  expect(withDependents(plan, definition, '2.40.3')['network']).toMatchObject({ action: 'create' })
})

it('those are started again that ask for it', () => {
  expect(restartedWith(definition, new Set(['after', 'web']))).toEqual(['later'])
  expect(restartedWith(definition, new Set(['web']))).toEqual([])
})
