import { describe, expect, it } from 'vitest'
import { matchServices } from './match-services.ts'
import type { Hint } from './read-hints.ts'

const stacks = [
  { host: 'nas', name: 'media', images: { web: 'ghcr.io/me/app:latest', cache: 'redis:8', old: 'ghcr.io/me/app@sha256:abc' } },
  { host: 'nas', name: 'blog', images: { web: 'docker.io/library/redis', db: 'registry.lan:5000/team/db' } },
  { host: 'attic', name: 'media', images: { web: 'ghcr.io/me/app:v1' } },
  { host: 'nas', name: 'lab', images: { web: 'registry.gitlab.com/group/app/web:1', api: 'registry.gitlab.com/group/app2' } },
  { host: 'nas', name: 'old-worker', images: {} },
]
const matched = (hint: Hint, globs?: string[]) =>
  matchServices([hint], stacks, globs).map(({ host, stack, service }) => `${host}:${stack}/${service}`)

describe('the services that a hook is about', () => {
  it('are those whose image is in the repository, on all hosts, however the name is written', () => {
    expect(matched({ host: 'ghcr.io', path: 'me/app' })).toEqual(['nas:media/web', 'nas:media/old', 'attic:media/web'])
    expect(matched({ host: 'docker.io', path: 'library/redis' })).toEqual(['nas:media/cache', 'nas:blog/web'])
    expect(matched({ host: 'ghcr.io', path: 'me/app2' })).toEqual([])
    expect(matched({ host: 'ghcr.io', path: 'me' })).toEqual([])
    expect(matched({ host: 'quay.io', path: 'me/app' })).toEqual([])
  })

  it('are on any host where the sender does not say it, and under a project', () => {
    expect(matched({ host: null, path: 'team/db' })).toEqual(['nas:blog/db'])
    expect(matched({ host: null, path: 'group/app', below: true })).toEqual(['nas:lab/web'])
  })

  it('are those of another host where nobody calls the registry as it was called at the push', () => {
    const hint = { path: 'team/db', hostMayDiffer: true }
    expect(matched({ ...hint, host: 'registry.lan:5000' })).toEqual(['nas:blog/db'])
    expect(matched({ ...hint, host: 'localhost:5000' })).toEqual(['nas:blog/db'])
    expect(matched({ ...hint, host: 'localhost:5000', hostMayDiffer: false })).toEqual([])
  })

  it('are narrowed by globs, which may be written as images are', () => {
    const hub = { host: 'docker.io', path: 'library/redis' }
    for (const glob of ['redis', 'docker.io/library/*', 'library/redis', '*']) expect(matched(hub, [glob]), glob).toHaveLength(2)
    for (const glob of ['ghcr.io/me/*', 'redis2', 'redis:8']) expect(matched(hub, [glob]), glob).toEqual([])
    expect(matched({ host: 'ghcr.io', path: 'me/app' }, ['quay.io/*', 'ghcr.io/me/*'])).toHaveLength(3)
  })

  it('are told once, whatever a payload repeats', () => {
    const hint = { host: 'ghcr.io', path: 'me/app' }
    expect(matchServices([hint, hint], stacks, undefined)).toHaveLength(3)
  })
})
