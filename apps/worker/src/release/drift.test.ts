import { describe, expect, it } from 'vitest'
import type { Container } from '../ports.ts'
import { driftedFiles } from './drift.ts'
import type { Release, ServiceRelease } from './release.ts'

const service: ServiceRelease = {
  image: 'app:1',
  imageId: 'sha256:a',
  digest: null,
  hashes: ['h1', 'of another compose'],
  count: 1,
  stopped: false,
  mayEnd: false,
}
const container = { project: 'media', service: 'web', state: 'running', configHash: 'h1', imageId: 'sha256:a', replaces: null } as Container
const files = { 'compose.yaml': 'c1', '.env': 'e1' }

function drift(more: Partial<Release>, now: Record<string, string> = files, containers: Partial<Container>[] = [{}]): string[] {
  const release = { project: 'media', contents: files, services: { web: service }, ...more } as Release
  return driftedFiles(
    release,
    now,
    containers.map((one) => ({ ...container, ...one })),
  )
}

describe('a stack has drifted from', () => {
  it.each<[string, string[], string[]]>([
    ['no file that says what it said', drift({}), []],
    ['a file that has changed', drift({}, { ...files, '.env': 'e2' }), ['.env']],
    ['a file that has come', drift({}, { ...files, 'compose.override.yaml': 'o1' }), ['compose.override.yaml']],
    ['a file that has gone', drift({}, { 'compose.yaml': 'c1' }), ['.env']],
    ['all of them, where what runs is what none has said', drift({ contents: {} }), ['.env', 'compose.yaml']],
    ['nothing, where it is not known what they said', drift({ contents: undefined }, { 'compose.yaml': 'c2' }), []],
    ['nothing, where nothing runs', drift({}, { 'compose.yaml': 'c2' }, [{ state: 'exited' }]), []],
    ['nothing, where only another project runs', drift({}, { 'compose.yaml': 'c2' }, [{ project: 'inner' }]), []],
  ])('%s', (_, found, expected) => expect(found).toEqual(expected))

  it.each<[string, Partial<ServiceRelease>, Partial<Container>[], boolean]>([
    ['one that another compose has made', {}, [{ configHash: 'of another compose' }], false],
    ['one of another definition', {}, [{ configHash: 'h2' }], true],
    ['one whose definition cannot be told beforehand', { hashes: null }, [{ configHash: 'h2' }], false],
    ['another image under the same definition', {}, [{ imageId: 'sha256:b' }], false],
    ['one of two', { count: 2 }, [{}], true],
    ['two of one', {}, [{}, {}], true],
    ['one that is being replaced', {}, [{}, { configHash: 'h2', state: 'created' }], false],
    ['one that compose is just putting in the place of another', {}, [{ configHash: 'h2', replaces: 'web-1' }], false],
    ['one that has ended', {}, [{ state: 'exited' }, { service: 'db' }], false],
    ['none of a service', {}, [{ service: 'db' }], true],
    ['none of one that ended by itself', { mayEnd: true }, [{ service: 'db' }], false],
    ['none of one that was stopped by hand', { stopped: true }, [{ service: 'db' }], false],
    ['one more, of a service that is in no release', {}, [{}, { service: 'debug' }], false],
  ])('its files, by its containers: %s', (_, more, containers, expected) => {
    const found = drift({ services: { web: { ...service, ...more } } }, files, containers)
    expect(found).toEqual(expected ? ['.env', 'compose.yaml'] : [])
  })
})
