import { Redis } from 'ioredis'
import { HEARTBEATS_KEY, INVENTORY_CHANNEL, INVENTORY_KEY, LAST_SEEN_KEY, type InventoryStack } from '@deployer/shared/inventory'
import type { RunReport, Step } from '@deployer/shared/job'
import type { JobData } from '@deployer/shared/job-data'
import { QUEUES_KEY, queueName } from '@deployer/shared/queue'
import { RELEASES_KEY, type ReleaseSummary } from '@deployer/shared/releases'
import { type Hold, holdsKey, type StackUpdates, type Update, updatesKey } from '@deployer/shared/updates'
import { jobIdAt, writeEndedJob } from './ended-job.ts'
import { digestOf } from './publish-stacks.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** What two hosts have told: for tests and pictures of what operators see. `nas` lives as long as the scene does, `vps` is away. */
export interface OperatorsScene {
  redis: Redis
  /** Ids of jobs by what became of them. */
  jobs: { failed: string; rolledBack: string; plan: string; refused: string }
  close(): void
}

/** Text that means harm to whoever shows it as anything but text. */
export const HOSTILE = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script> \u202Eevil\u202C "'&`

const step = (name: Step['name'], duration_ms: number, tail = '', ok = true): Step => ({
  name,
  ok,
  exit_code: ok ? 0 : 1,
  duration_ms,
  tail,
})
const before = (time: number) => new Date(Date.now() - time).toISOString()

export async function setScene(url: string): Promise<OperatorsScene> {
  const redis = new Redis(url)
  const stack = (name: string, services: string[], more: Partial<InventoryStack> = {}): InventoryStack => {
    return { name, services, running: true, broken: [], stopped: [], images: {}, drifted: [], ...more }
  }
  const nas = [
    stack('billing', ['api', 'db', 'worker'], { broken: ['worker'] }),
    stack('blog', ['web']),
    stack('media', ['db', 'proxy', 'web']),
    stack('metrics', ['grafana', 'prometheus'], { drifted: ['compose.yaml', '.env'] }),
    stack('shop', ['web'], { running: false, broken: ['web'], stopped: ['web'] }),
    stack('wiki', ['app', 'db']),
    stack('sandbox', [], { running: false }),
  ]
  const vps = [stack('landing', ['web']), stack('mail', ['imap', 'smtp'])]
  await redis.hset(INVENTORY_KEY, {
    nas: JSON.stringify({ host: 'nas', version: '0.1.0', stacks: nas, engine: 'nas-engine', data: 'nas-data' }),
    vps: JSON.stringify({ host: 'vps', version: '0.1.0', stacks: vps, engine: 'vps-engine', data: 'vps-data' }),
  })
  for (const [host, stacks] of Object.entries({ nas, vps })) {
    for (const { name } of stacks) await redis.sadd(QUEUES_KEY, queueName(host, name))
  }
  await redis.hset(LAST_SEEN_KEY, 'vps', Date.now() - 3 * HOUR)
  const beat = () => void redis.zadd(HEARTBEATS_KEY, Date.now(), 'nas lab').catch(() => undefined)
  beat()
  const beating = setInterval(beat, 1000)

  const services = (...list: [service: string, image: string, version: string | null, letter: string][]): ReleaseSummary['services'] =>
    Object.fromEntries(list.map(([service, image, version, letter]) => [service, { image, digest: digestOf(letter), version }]))
  const release = (number: number, age: number, by: string | null, list: ReleaseSummary['services'], current = false): ReleaseSummary => {
    return {
      number,
      at: before(age),
      job_id: by === null ? null : jobIdAt(Date.now() - age, number),
      by,
      current,
      verified: true,
      services: list,
      definition: number === 7 ? ['web: environment.LOG_LEVEL', 'web: ports'] : [],
    }
  }
  const releases: Record<string, ReleaseSummary[]> = {
    media: [
      release(
        9,
        3 * HOUR,
        'ci-media',
        services(['web', 'ghcr.io/me/media:stable', '2.4.1', 'a'], ['db', 'postgres:17', '17.2', 'b'], ['proxy', 'caddy:2', '2.9.1', 'c']),
        true,
      ),
      release(
        8,
        3 * DAY,
        'ci-media',
        services(['web', 'ghcr.io/me/media:stable', '2.4.0', 'd'], ['db', 'postgres:17', '17.2', 'b'], ['cache', 'redis:7', '7.4.1', 'e']),
      ),
      release(
        7,
        9 * DAY,
        'ui:admin',
        services(['web', 'ghcr.io/me/media:stable', '2.3.7', 'f'], ['db', 'postgres:16', '16.6', '1'], ['cache', 'redis:7', '7.4.1', 'e']),
      ),
      release(
        6,
        30 * DAY,
        null,
        services(['web', 'ghcr.io/me/media:stable', '2.3.7', 'f'], ['db', 'postgres:16', '16.6', '1'], ['cache', 'redis:7', '7.4.1', 'e']),
      ),
    ],
    billing: [
      release(
        41,
        20 * HOUR,
        'ci-billing',
        services(
          ['api', 'registry.lan/billing:1.18.2', null, 'a'],
          ['db', 'postgres:17', '17.2', 'b'],
          ['worker', 'registry.lan/billing:1.18.2', null, 'a'],
        ),
        true,
      ),
    ],
    blog: [release(3, 12 * DAY, 'default', services(['web', 'ghost:5', '5.104.1', 'c']), true)],
    metrics: [
      release(
        5,
        6 * DAY,
        'watch',
        services(['grafana', 'grafana/grafana:11.4.0', '11.4.0', 'd'], ['prometheus', 'prom/prometheus:v3.1.0', '3.1.0', 'e']),
        true,
      ),
    ],
    shop: [release(12, 2 * DAY, 'ci-shop', services(['web', 'ghcr.io/me/shop:2026.11', null, 'f']), true)],
    wiki: [
      release(
        2,
        40 * DAY,
        'default',
        services(['app', 'lscr.io/linuxserver/bookstack:latest', '24.12', '1'], ['db', 'mariadb:11', '11.6.2', '2']),
        true,
      ),
    ],
    'landing@vps': [release(4, 5 * DAY, 'ci-landing', services(['web', 'ghcr.io/me/landing:main', null, '3']), true)],
  }
  for (const [name, list] of Object.entries(releases))
    await redis.hset(RELEASES_KEY, name.includes('@') ? name : queueName('nas', name), JSON.stringify(list))

  const update = (service: string, image: string, state: Update['state'], letter: string, more: Partial<Update> = {}): Update => ({
    service,
    image,
    running: digestOf('b'),
    available: digestOf(letter),
    first_seen: before(5 * HOUR),
    eligible_at: null,
    state,
    ...more,
  })
  const updates: Record<string, Update[]> = {
    blog: [update('web', 'ghost:5', 'cooling', '4', { eligible_at: new Date(Date.now() + 2 * DAY).toISOString() })],
    media: [update('db', 'postgres:17', 'window', '5', { eligible_at: new Date(Date.now() + 9 * HOUR).toISOString() })],
    metrics: [update('grafana', 'grafana/grafana:11.4.0', 'quarantined', '6')],
    wiki: [update('app', 'lscr.io/linuxserver/bookstack:latest', 'held', '7')],
  }
  for (const [name, list] of Object.entries(updates)) {
    const found: StackUpdates = { checked_at: before(40 * 60_000), updates: list }
    await redis.hset(updatesKey('nas'), name, JSON.stringify(found))
  }
  const hold: Hold = { reason: 'Migration of the database under way, ask Ana', until: null, by: 'ui:admin', since: before(26 * HOUR) }
  await redis.hset(holdsKey('nas'), 'wiki', JSON.stringify(hold))

  const steps = redis.pipeline()
  const job = (number: number, stack: string, age: number, end: Partial<RunReport>, more: Partial<JobData> = {}) => {
    const data: JobData = { stack, host: 'nas', action: 'deploy', source: 'request', caller: `ci-${stack}`, ...more }
    return writeEndedJob(steps, number, data, { finished: Date.now() - age, ...end })
  }
  const good = [
    step('status', 4, 'web'),
    step('config', 31),
    step('pull', 2820, 'web Pulled'),
    step('up', 1200, 'Container web Started'),
    step('verify', 6900, 'web healthy'),
  ]
  const changed = [
    {
      service: 'web',
      image: 'ghcr.io/me/media:stable',
      why: 'image' as const,
      from: digestOf('d'),
      to: digestOf('a'),
      from_digest: digestOf('d'),
      to_digest: digestOf('a'),
      from_version: null,
      to_version: null,
      source: null,
    },
  ]
  job(1, 'media', 3 * HOUR, { steps: good, changes: changed, release: 9 })
  job(2, 'media', 3 * DAY, { steps: good, changes: changed, release: 8 })
  job(3, 'blog', 12 * DAY, { steps: good, release: 3 }, { caller: 'default' })
  job(4, 'billing', 20 * HOUR, { steps: good, release: 41, degraded: ['worker'] })
  const lines = [
    'web starting',
    '2026-11-25T07:12:01Z INFO  listening on :8080',
    '2026-11-25T07:12:02Z ERROR could not connect to postgres://***@db/shop: password authentication failed',
    '2026-11-25T07:12:02Z FATAL exiting',
    'web exited with 1',
  ]
  const bad = [
    step('status', 5, 'web'),
    step('config', 28),
    step('pull', 3105, 'web Pulled'),
    step('up', 1410, 'Container web Started'),
    step('verify', 10_220, lines.join('\n'), false),
  ]
  const failed = job(5, 'shop', 5 * HOUR, {
    state: 'failed',
    code: 'rollback_failed',
    message: 'The step "verify" failed: web exited with 1. The way back failed as well: web of release 12 does not start either.',
    steps: [...bad, step('rollback', 8400, 'web exited with 1', false)],
    changes: changed,
    release: null,
  })
  const rolledBack = job(
    6,
    'metrics',
    7 * HOUR,
    {
      state: 'failed',
      code: 'step_failed',
      message: 'The step "verify" failed: grafana is unhealthy. Release 5 runs again.',
      steps: [
        ...bad.slice(0, 4),
        step('verify', 61_000, 'grafana unhealthy: GET /api/health: connection refused', false),
        step('rollback', 4100, 'grafana healthy'),
      ],
      rolled_back: true,
      release: 5,
      taken_back: changed.map((one) => ({
        ...one,
        service: 'grafana',
        image: 'grafana/grafana:stable',
        from_version: '11.4.0',
        to_version: '11.4.1',
      })),
    },
    { source: 'watch', caller: 'watch', only: { grafana: digestOf('6') } },
  )
  const refused = job(7, 'wiki', 2 * HOUR, {
    state: 'failed',
    code: 'held',
    message: 'The stack is held: Migration of the database under way, ask Ana',
    steps: [],
  })
  const plan = job(
    8,
    'media',
    30 * 60_000,
    {
      steps: [step('status', 4), step('config', 30), step('plan', 420)],
      plan: [
        { service: 'cache', image: 'redis:7', action: 'remove', why: null, from: digestOf('e'), to: null },
        { service: 'db', image: 'postgres:17', action: 'keep', why: null, from: digestOf('b'), to: digestOf('b') },
        { service: 'proxy', image: 'caddy:2', action: 'create', why: 'missing', from: null, to: digestOf('c') },
        { service: 'web', image: 'ghcr.io/me/media:stable', action: 'recreate', why: 'image', from: digestOf('d'), to: digestOf('a') },
      ],
    },
    { action: 'plan', caller: 'ui:admin' },
  )
  await steps.exec()
  await redis.publish(INVENTORY_CHANNEL, 'nas')
  return {
    redis,
    jobs: { failed, rolledBack, plan, refused },
    close() {
      clearInterval(beating)
      redis.disconnect()
    },
  }
}
