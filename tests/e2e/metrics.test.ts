import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { startCollector } from '../../lab/collector.ts'
import { command } from '../../lab/command.ts'
import { deployAndWait } from '../../lab/deploy-and-wait.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { until } from '../../lab/until.ts'
import { webFile } from '../../lab/world.ts'
import { engine, registry, useWorld } from '../support.ts'

const monitoring = join(import.meta.dirname, '../../monitoring')
const world = useWorld()
const collector = await startCollector()
afterAll(() => collector.stop())
const image = `${registry}/metrics:latest`
await publishImage(engine, image, 'v1')
const stack = await world.addStack('metrics', webFile(image))
await stack.compose('up', '-d')
const token = 'a-token-for-metrics'
const service = await world.start('all', { METRICS_TOKEN: token, WATCH: 'notify', OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })
const { client } = service
const scrape = async () => (await client.raw('GET', '/metrics', { Authorization: `Bearer ${token}` })).text
const host = world.settings['WORKER_NAME'] ?? ''
const labels = `stack="${stack.name}",host="${host}"`

describe('metrics', () => {
  it('are not there without a token, and shut to who has another', async () => {
    for (const authorization of [undefined, 'Bearer other', `Basic ${token}`]) {
      const answer = await client.raw('GET', '/metrics', authorization ? { Authorization: authorization } : {})
      expect([answer.status, answer.body.code]).toEqual([401, 'token_invalid'])
    }
    const without = await world.start('api', { REDIS_URL: 'redis://127.0.0.1:1' })
    expect((await without.client.raw('GET', '/metrics', { Authorization: `Bearer ${token}` })).status).toBe(404)
  })

  it('count deploys by stack and outcome, rollbacks, refusals, durations and what is turned away', async () => {
    expect((await deployAndWait(client, stack.name)).body.ok).toBe(true)
    await publishImage(engine, image, 'v-bad', 'crash')
    expect((await deployAndWait(client, stack.name)).body.rolled_back).toBe(true)
    await publishImage(engine, image, 'v2')
    await stack.compose('stop', '-t', '0')
    expect((await deployAndWait(client, stack.name)).body.code).toBe('not_running')
    await stack.compose('start')
    await client.raw('POST', '/deploy')
    await client.raw('POST', '/deploy', { 'X-Signature': '0'.repeat(64) })
    const text = await scrape()
    for (const line of [
      `deployer_deploys_total{${labels},action="deploy",outcome="succeeded"} 1`,
      `deployer_deploys_total{${labels},action="deploy",outcome="rolled_back"} 1`,
      `deployer_deploys_total{${labels},action="deploy",outcome="not_running"} 1`,
      `deployer_rollbacks_total{${labels},ok="true"} 1`,
      'deployer_step_duration_seconds_count{step="pull"} 2',
      'deployer_step_duration_seconds_bucket{le="+Inf",step="pull"} 2',
      `deployer_queue_jobs{${labels},state="waiting"} 0`,
      `deployer_queue_oldest_seconds{${labels}} 0`,
      'deployer_requests_refused_total{code="signature_missing"} 1',
      'deployer_requests_refused_total{code="signature_invalid"} 1',
      `deployer_worker_online{host="${host}"} 1`,
      'deployer_redis_up 1',
      'deployer_redis_persistence_ok 1',
    ]) {
      expect(text).toContain(`${line}\n`)
    }
    expect(text).toMatch(/^deployer_worker_heartbeat_age_seconds\{host="[^"]+"\} [\d.]+$/m)
    expect(text).not.toContain(world.secret)
  })

  it('tell what is known of new images, when that was looked at, and how registries answer', async () => {
    await publishImage(engine, image, 'v3')
    const { body, text } = await client.timed('POST', `/stacks/${stack.name}/check?wait=true`)
    expect(body, text).toMatchObject({ ok: true })
    const told = await scrape()
    expect(told).toContain(`deployer_updates{${labels},state="notify"} 1\n`)
    expect(told).toContain(`deployer_updates{${labels},state="unknown"} 0\n`)
    expect(told).toContain(`deployer_registry_questions_total{host="${host}",registry="${registry}",outcome="failed"} 0\n`)
    expect(told).toMatch(
      new RegExp(`deployer_registry_questions_total\\{host="${host}",registry="${registry}",outcome="answered"\\} [1-9]`),
    )
    expect(told).toMatch(new RegExp(`deployer_check_age_seconds\\{${labels}\\} [0-9.]+\n`))
    expect(told).toContain(`deployer_check_overdue_seconds{host="${host}"} 0\n`)
  })

  it('are there from zero for every known stack, so that the first failure of its life fires the alerts', async () => {
    const web = `${registry}/metrics-first:latest`
    await publishImage(engine, web, 'v1')
    const healthy =
      '    volumes: ["./www:/www:ro"]\n    healthcheck: {test: ["CMD", "busybox", "test", "-e", "/www/index.html"], interval: 1s, retries: 2}\n'
    const first = await world.addStack('first', webFile(web, healthy), { 'www/index.html': 'v1' })
    await first.compose('up', '-d')
    const of = `stack="${first.name}",host="${host}"`
    const before = await until('the series of the new stack', async () => {
      const text = await scrape()
      return text.includes(`deployer_queue_jobs{${of}`) ? text : null
    })
    for (const action of ['deploy', 'rollback']) {
      for (const outcome of ['succeeded', 'failed', 'rolled_back', 'rollback_failed', 'canceled', 'not_running', 'disk_full'])
        expect(before).toContain(`deployer_deploys_total{${of},action="${action}",outcome="${outcome}"} 0\n`)
    }
    expect(before).toContain('deployer_requests_refused_total{code="signature_expired"} 0\n')
    await publishImage(engine, web, 'v2')
    // Neither version is healthy without it, and it does not go back.
    rmSync(join(first.dir, 'www/index.html'))
    expect((await deployAndWait(client, first.name)).body.code).toBe('rollback_failed')
    const after = await scrape()
    const [summary, said] = ['A deploy of', 'deployer jobs --stack'].map((text) => `${text} ${first.name}`)
    await testRules(before, after, [
      {
        alertname: 'DeployerDeployFailed',
        exp_labels: { severity: 'warning', stack: first.name, host },
        exp_annotations: { summary: `${summary} on ${host} failed.`, description: `${said} tells which, deployer job <id> why.` },
      },
      {
        alertname: 'DeployerRollbackFailed',
        exp_labels: { severity: 'critical', stack: first.name, host },
        exp_annotations: {
          summary: `A rollback of ${first.name} on ${host} failed: the stack needs you.`,
          description: `${said} tells which job; its tail says why.`,
        },
      },
    ])
  })

  it("pass promtool's check, as do the alert rules and their tests", async () => {
    const checked = execFileSync('promtool', ['check', 'metrics'], {
      input: await scrape(),
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    expect(checked).toBe('')
    await command('promtool', ['check', 'rules', join(monitoring, 'alerts.yml')])
    await command('promtool', ['test', 'rules', join(monitoring, 'alerts.test.yml')])
    const folder = join(world.root, '.prometheus')
    mkdirSync(folder)
    writeFileSync(join(folder, 'deployer-token'), token)
    copyFileSync(join(monitoring, 'alerts.yml'), join(folder, 'alerts.yml'))
    const config = readFileSync(join(monitoring, 'prometheus.yml'), 'utf8').replace('/etc/prometheus', folder)
    writeFileSync(join(folder, 'prometheus.yml'), config)
    await command('promtool', ['check', 'config', join(folder, 'prometheus.yml')])
  })

  it('have every name that the alerts and the dashboard use', async () => {
    const there = new Set((await scrape()).matchAll(/^# TYPE (\S+)/gm).map(([, name]) => name))
    const files = ['alerts.yml', 'grafana-dashboard.json'].map((file) => readFileSync(join(monitoring, file), 'utf8')).join('\n')
    const used = new Set(files.matchAll(/\b(deployer_[a-z_]+)\b/g).map(([, name = '']) => name.replace(/_bucket$/, '')))
    expect(used.size).toBeGreaterThan(8)
    expect([...used].filter((name) => !there.has(name))).toEqual([])
  })
})

/** Holds the alert rules to what was really scraped: five minutes the one text, then the other. Nothing else may fire. */
async function testRules(before: string, after: string, alerts: { alertname: string; exp_labels: object; exp_annotations: object }[]) {
  const samples = (text: string) =>
    new Map(
      text
        .split('\n')
        .flatMap((line) => (/^deployer_(deploys|rollbacks)_total\{/.test(line) ? [line.split(/ (?=\S+$)/) as [string, string]] : [])),
    )
  const [was, is] = [samples(before), samples(after)]
  const input_series = [...is].map(([series, value]) => ({
    series,
    values: `${was.has(series) ? `${was.get(series)}x5` : '_x5'} ${value}x5`,
  }))
  const alert_rule_test = alerts.map(({ alertname, ...expected }) => ({ eval_time: '8m', alertname, exp_alerts: [expected] }))
  const file = join(world.root, '.first-failure.json')
  const tests = [{ interval: '1m', input_series, alert_rule_test }]
  writeFileSync(file, JSON.stringify({ rule_files: [join(monitoring, 'alerts.yml')], evaluation_interval: '1m', tests }))
  await command('promtool', ['test', 'rules', file])
}

describe('traces', () => {
  it("are one from the caller's own over the queue to compose", async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
    const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-01` }
    const { body } = await client.plain('POST', `/deploy/${stack.name}?wait=1`, stack.name, undefined, headers)
    expect(body.ok).toBe(true)
    const names = () => collector.spans().flatMap((span) => (span.traceId === traceId ? [span.name] : []))
    await until('the spans', () => ['deploy request', 'step pull', 'compose pull', 'compose up'].every((name) => names().includes(name)))
    /** The spans that do not lead back to the caller. The one of the whole job is sent last. */
    const strays = () => {
      const spans = collector.spans().filter((span) => span.traceId === traceId)
      const known = new Set(['00f067aa0ba902b7', ...spans.map(({ spanId }) => spanId)])
      return spans.filter(({ parentSpanId = '' }) => !known.has(parentSpanId)).map(({ name }) => name)
    }
    await until('every span to lead back to the caller', () => strays().length === 0)
  })
})
