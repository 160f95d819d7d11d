import { describe, expect, it } from 'vitest'
import type { HookSender } from '../keys/keys-file.ts'
import { readHints } from './read-hints.ts'

const DIGEST = `sha256:${'3'.repeat(64)}`

/** What each sender posts when an image was pushed, after its documentation, cut to the members that say something of the image. */
const PUSHES: [HookSender, string, unknown, unknown[]][] = [
  [
    'github',
    'registry_package',
    {
      action: 'published',
      registry_package: {
        id: 7,
        name: 'Hello-App',
        namespace: 'Octo-Org',
        ecosystem: 'CONTAINER',
        package_type: 'CONTAINER',
        owner: { login: 'Octo-Org', type: 'Organization' },
        package_version: {
          version: DIGEST,
          package_url: 'ghcr.io/octo-org/hello-app:latest',
          container_metadata: { tag: { name: 'latest', digest: DIGEST } },
        },
        registry: { name: 'GitHub docker registry', url: 'https://ghcr.io/Octo-Org/Hello-App', type: 'docker' },
      },
      repository: { full_name: 'Octo-Org/hello' },
      sender: { login: 'octocat' },
    },
    [{ host: 'ghcr.io', path: 'octo-org/hello-app' }],
  ],
  [
    'github',
    'package, without an address',
    { action: 'updated', package: { name: 'App', namespace: 'Me', package_type: 'container', package_version: { package_url: '' } } },
    [{ host: 'ghcr.io', path: 'me/app' }],
  ],
  [
    'github',
    'package that does not say its kind',
    { action: 'published', registry_package: { name: 'app', namespace: 'me' } },
    [{ host: 'ghcr.io', path: 'me/app' }],
  ],
  [
    'distribution',
    'a tag that is pushed, without its type',
    { events: [{ action: 'push', target: { repository: 'team/app', tag: 'latest' }, request: { host: 'registry.example.com:5000' } }] },
    [{ host: 'registry.example.com:5000', path: 'team/app', hostMayDiffer: true }],
  ],
  [
    'gitea',
    'package',
    {
      action: 'created',
      repository: null,
      package: {
        id: 3,
        owner: { id: 1, login: 'Me', username: 'Me' },
        creator: { login: 'me' },
        type: 'container',
        name: 'team/app',
        version: 'latest',
        html_url: 'https://git.example.com:3000/Me/-/packages/container/team%2Fapp/latest',
        created_at: '2026-01-01T12:00:00Z',
      },
      organization: null,
      sender: { login: 'me' },
    },
    [{ host: 'git.example.com:3000', path: 'me/team/app' }],
  ],
  [
    'harbor',
    'PUSH_ARTIFACT',
    {
      type: 'PUSH_ARTIFACT',
      occur_at: 1767268800,
      operator: 'admin',
      event_data: {
        resources: [{ digest: DIGEST, tag: 'v2', resource_url: 'harbor.example.com/media/web:v2' }],
        repository: { date_created: 1767268700, name: 'web', namespace: 'media', repo_full_name: 'media/web', repo_type: 'private' },
      },
    },
    [{ host: 'harbor.example.com', path: 'media/web' }],
  ],
  [
    'harbor',
    'CloudEvents',
    {
      specversion: '1.0',
      id: '1',
      source: '/projects/2/webhook/policies/15',
      type: 'harbor.artifact.pushed',
      datacontenttype: 'application/json',
      data: {
        resources: [{ digest: DIGEST, tag: 'latest', resource_url: 'harbor.example.com/media/web:latest' }],
        repository: { name: 'web', namespace: 'media', repo_full_name: 'media/web', repo_type: 'public' },
      },
      operator: 'robot$ci',
    },
    [{ host: 'harbor.example.com', path: 'media/web' }],
  ],
  [
    'harbor',
    'without resources',
    { type: 'PUSH_ARTIFACT', event_data: { repository: { repo_full_name: 'media/Web' } } },
    [{ host: null, path: 'media/web' }],
  ],
  [
    'distribution',
    'push of a manifest',
    {
      events: [
        {
          id: 'a',
          timestamp: '2026-01-01T12:00:00Z',
          action: 'push',
          target: { mediaType: 'application/octet-stream', size: 708, digest: DIGEST, repository: 'team/app' },
          request: { id: 'b', addr: '192.0.2.1:40000', host: 'registry.example.com:5000', method: 'PUT', useragent: 'docker/26.1' },
        },
        {
          id: 'c',
          timestamp: '2026-01-01T12:00:00Z',
          action: 'push',
          target: {
            mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
            size: 708,
            digest: DIGEST,
            repository: 'team/app',
            url: `http://registry.example.com:5000/v2/team/app/manifests/${DIGEST}`,
            tag: 'latest',
          },
          request: { id: 'd', addr: '192.0.2.1:40000', host: 'registry.example.com:5000', method: 'PUT', useragent: 'docker/26.1' },
        },
        {
          action: 'push',
          target: { mediaType: 'application/vnd.oci.image.index.v1+json', repository: 'team/other', tag: '1' },
          request: { host: 'registry.example.com:5000' },
        },
      ],
    },
    [
      { host: 'registry.example.com:5000', path: 'team/app', hostMayDiffer: true },
      { host: 'registry.example.com:5000', path: 'team/other', hostMayDiffer: true },
    ],
  ],
  [
    'dockerhub',
    'push',
    {
      callback_url: 'https://registry.hub.docker.com/u/me/app/hook/2141b5bi5i5b02bec211i4eeih0242eg11000a/',
      push_data: { pushed_at: 1767268800, pusher: 'me', tag: 'latest', images: [] },
      repository: {
        name: 'app',
        namespace: 'me',
        owner: 'me',
        repo_name: 'me/app',
        repo_url: 'https://hub.docker.com/r/me/app',
        is_private: true,
      },
    },
    [{ host: 'docker.io', path: 'me/app' }],
  ],
  [
    'dockerhub',
    'push to an official image',
    { push_data: { tag: '8' }, repository: { repo_name: 'redis' } },
    [{ host: 'docker.io', path: 'library/redis' }],
  ],
  [
    'quay',
    'repository push',
    {
      name: 'repository',
      repository: 'mynamespace/repository',
      namespace: 'mynamespace',
      docker_url: 'quay.io/mynamespace/repository',
      homepage: 'https://quay.io/repository/mynamespace/repository',
      updated_tags: ['latest'],
    },
    [{ host: 'quay.io', path: 'mynamespace/repository' }],
  ],
  [
    'gitlab',
    'pipeline',
    {
      object_kind: 'pipeline',
      object_attributes: { id: 31, ref: 'main', status: 'success', detailed_status: 'passed' },
      project: { id: 1, name: 'App', path_with_namespace: 'Group/App', web_url: 'https://gitlab.example.com/Group/App' },
    },
    [{ host: null, path: 'group/app', below: true }],
  ],
]

/** What they post that means nothing new. */
const OTHERS: [HookSender, string, unknown][] = [
  ['github', 'ping', { zen: 'Keep it logically awesome.', hook_id: 1, hook: { events: ['registry_package'] } }],
  ['github', 'a package of another kind', { action: 'published', registry_package: { name: 'a', namespace: 'b', package_type: 'npm' } }],
  ['github', 'a package that was deleted', { action: 'deleted', package: { name: 'a', namespace: 'b', package_type: 'container' } }],
  ['github', 'push', { ref: 'refs/heads/main', repository: { full_name: 'me/app' } }],
  ['gitea', 'a package that was deleted', { action: 'deleted', package: { type: 'container', name: 'a', owner: { login: 'b' } } }],
  ['gitea', 'a package of another kind', { action: 'created', package: { type: 'maven', name: 'a', owner: { login: 'b' } } }],
  ['harbor', 'PULL_ARTIFACT', { type: 'PULL_ARTIFACT', event_data: { repository: { repo_full_name: 'a/b' } } }],
  ['harbor', 'a scan', { type: 'SCANNING_COMPLETED', event_data: { repository: { repo_full_name: 'a/b' } } }],
  // By every check, Deployer's own among them: those would never end.
  [
    'distribution',
    'a pull',
    {
      events: [
        { action: 'pull', target: { mediaType: 'application/vnd.oci.image.index.v1+json', repository: 'a' }, request: { host: 'r' } },
      ],
    },
  ],
  ['distribution', 'a deletion', { events: [{ action: 'delete', target: { repository: 'a', digest: DIGEST }, request: { host: 'r' } }] }],
  ['distribution', 'a mount', { events: [{ action: 'mount', target: { repository: 'a', mediaType: 'application/octet-stream' } }] }],
  ['quay', 'a build', { docker_url: 'quay.io/a/b', build_id: '1', docker_tags: ['latest'] }],
  ['quay', 'a vulnerability', { docker_url: 'quay.io/a/b', tags: ['latest'], vulnerability: { id: 'CVE-1' } }],
  [
    'gitlab',
    'a pipeline that runs',
    { object_kind: 'pipeline', object_attributes: { status: 'running' }, project: { path_with_namespace: 'a/b' } },
  ],
  ['gitlab', 'a push', { object_kind: 'push', ref: 'refs/heads/main', project: { path_with_namespace: 'a/b' } }],
]

describe('what a registry says', () => {
  it.each(PUSHES)('%s: %s names the repository', (from, _, payload, hints) => {
    expect(readHints(from, payload)).toEqual(hints)
  })

  it.each(OTHERS)('%s: %s means nothing new', (from, _, payload) => {
    expect(readHints(from, payload)).toEqual([])
  })

  it.each([...new Set(PUSHES.map(([from]) => from))])(
    '%s: what is not as its sender writes it says nothing, and breaks nothing',
    (from) => {
      const odd = [
        null,
        7,
        '',
        'text',
        [],
        {},
        [[]],
        { events: 7 },
        { events: [7, null, { target: 7 }] },
        { package: [] },
        { data: { resources: [1] } },
      ]
      const pushes = PUSHES.filter(([of]) => of === from).map(([, , payload]) => payload)
      for (const payload of odd) expect(readHints(from, payload)).toEqual([])
      // Each member of a good one replaced by something else.
      for (const payload of pushes) {
        for (const changed of withEachReplaced(payload, [null, 7, {}, [], 'x'.repeat(5000), { toString: 1 }])) {
          for (const { host, path } of readHints(from, changed))
            expect([host === null || typeof host, typeof path]).toEqual([host === null || 'string', 'string'])
        }
      }
    },
  )

  it('is no more than a hundred repositories at once', () => {
    const push = (index: number) => ({
      action: 'push',
      target: { mediaType: 'application/vnd.oci.image.manifest.v1+json', repository: `r${index}` },
    })
    expect(readHints('distribution', { events: Array.from({ length: 5000 }, (_, index) => push(index)) })).toHaveLength(100)
  })
})

/** A value in which one member after the other is another one. */
function* withEachReplaced(value: unknown, others: unknown[]): Generator {
  if (typeof value !== 'object' || value === null) return
  for (const key of Object.keys(value)) {
    const member = (value as Record<string, unknown>)[key]
    for (const other of others) yield Array.isArray(value) ? value.with(Number(key), other) : { ...value, [key]: other }
    for (const inner of withEachReplaced(member, others))
      yield Array.isArray(value) ? value.with(Number(key), inner) : { ...value, [key]: inner }
  }
}
