import axe from 'axe-core'
import { createServer } from 'node:http'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, describe, expect, it } from 'vitest'
import { encodeJobNews, JOB_CHANNEL, jobStreamKey } from '@deployer/shared/job-stream'
import { holdsKey, skipsKey } from '@deployer/shared/updates'
import { openPage, startBrowser } from '../../lab/browser.ts'
import { writeEndedJob } from '../../lab/ended-job.ts'
import { freePort } from '../../lab/free-port.ts'
import { HOSTILE, setScene } from '../../lab/operators-scene.ts'
import { playWorker } from '../../lab/play-worker.ts'
import { digestOf, publishStacks } from '../../lab/publish-stacks.ts'
import { until } from '../../lab/until.ts'
import { useRedis, useWorld } from '../support.ts'

const world = useWorld()
const redis = await useRedis()
const scene = await setScene(redis.url)
const { client } = await world.start('api', { REDIS_URL: redis.url, DASHBOARD_PASSWORD: 'a-password' })
const plan = [
  { service: 'cache', image: 'redis:7', action: 'remove' as const, why: null, from: digestOf('e'), to: null },
  { service: 'web', image: 'app:1', action: 'recreate' as const, why: 'image' as const, from: digestOf('d'), to: digestOf('a') },
]
const workers = ['media', 'shop'].map((stack) => playWorker(redis.url, 'nas', stack, ({ action }) => (action === 'plan' ? { plan } : {})))
const browser = await startBrowser()
afterAll(async () => {
  await browser.close()
  for (const worker of workers) await worker.close()
  scene.close()
})
/** A folder for pictures of every screen. */
const pictures = process.env['PAGES_PICTURES']
const httpCredentials = { username: 'admin', password: 'a-password' }
const waiting = (await client.plain('POST', '/deploy/blog', 'blog')).body.job_id as string
const open = (options = {}) => openPage(browser, { httpCredentials, ...options })

const SCREENS: [name: string, path: string][] = [
  ['stacks', '/ui'],
  ['none-fits', '/ui?name=nothing-like-this'],
  ['stack', '/ui/stacks/nas/media'],
  ['drifted-stack', '/ui/stacks/nas/metrics'],
  ['held-stack', '/ui/stacks/nas/wiki'],
  ['new-stack', '/ui/stacks/nas/sandbox'],
  ['failed-job', `/ui/jobs/${scene.jobs.failed}`],
  ['rolled-back-job', `/ui/jobs/${scene.jobs.rolledBack}`],
  ['plan', `/ui/jobs/${scene.jobs.plan}`],
  ['waiting-job', `/ui/jobs/${waiting}`],
  ['ask-deploy', '/ui/stacks/nas/wiki/deploy'],
  ['ask-rollback', '/ui/stacks/nas/media/rollback?to=8'],
  ['ask-hold', '/ui/stacks/nas/media/hold'],
  ['ask-release', '/ui/stacks/nas/wiki/release-hold'],
  ['ask-skip', '/ui/stacks/nas/media/skip?service=db'],
  ['ask-cancel', `/ui/jobs/${waiting}/cancel`],
  ['ask-retry', `/ui/jobs/${scene.jobs.failed}/retry`],
]

/** Broken rules of accessibility, with where. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate<axe.AxeResults>("axe.run({ resultTypes: ['violations'] })")
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id} at ${target.join(' ')}: ${failureSummary}`))
}

describe('every screen', () => {
  /** Each width in one theme, each theme in one width; all four for pictures. */
  const looks: [colorScheme: 'light' | 'dark', width: number][] = [
    ['light', 1280],
    ['dark', 390],
  ]
  if (pictures) looks.push(['light', 390], ['dark', 1280])
  it.each(looks)('can be used by everybody, needs no sideways scrolling and asks nobody else: %s, %i px', async (colorScheme, width) => {
    const { page, problems } = await open({ colorScheme, viewport: { width, height: 850 } })
    const asked: string[] = []
    page.on('request', (request) => asked.push(request.url()))
    for (const [name, path] of SCREENS) {
      await page.goto(client.url + path)
      await page.locator('h1').waitFor()
      if (pictures) await page.screenshot({ path: join(pictures, `${name}-${colorScheme}-${width}.png`), fullPage: true })
      expect(await violations(page), name).toEqual([])
      const needed = await page.evaluate('document.documentElement.scrollWidth')
      expect([name, needed]).toEqual([name, width])
    }
    expect(asked.filter((url) => !url.startsWith(client.url))).toEqual([])
    expect(problems).toEqual([])
  })

  it('runs no script that somebody has written into it', async () => {
    const { page, problems } = await open()
    await page.goto(`${client.url}/ui`)
    await page.evaluate(`const script = document.createElement('script')
      script.textContent = 'document.title = "owned"'
      document.body.append(script)`)
    expect(await page.title()).toBe('Stacks · Deployer')
    expect(problems.join()).toContain('Content Security Policy')
  })
})

describe('an operator', () => {
  const job = async (page: Page) => {
    await page.waitForURL(/\/ui\/jobs\/[0-9a-f-]{36}$/)
    const id = page.url().split('/').at(-1) ?? ''
    return (await client.plain('GET', `/jobs/${id}?wait=true&timeout=20`, id)).body
  }

  it('looks at a plan, with what would be removed in red, and deploys from there', async () => {
    const { page, problems } = await open()
    await page.goto(`${client.url}/ui`)
    await page.getByRole('button', { name: 'Plan: media' }).click()
    expect(await job(page)).toMatchObject({ action: 'plan', stack: 'media', by: 'ui:admin' })
    const removed = page.getByRole('row', { name: /cache/ })
    await removed.getByText('remove', { exact: true }).waitFor()
    const colour = await page.evaluate('getComputedStyle(document.querySelector("tr.remove .badge")).color')
    expect(colour).toBe('rgb(168, 32, 26)')
    await page.getByText('One service would be removed').waitFor()
    await page.getByRole('link', { name: 'Deploy: media' }).click()
    await page.getByRole('heading', { name: 'Deploy media on nas?' }).waitFor()
    await page.getByRole('button', { name: 'Deploy now' }).click()
    expect(await job(page)).toMatchObject({ action: 'deploy', ok: true, source: 'request', by: 'ui:admin' })
    await page.getByText('Done').first().waitFor()
    expect(problems).toEqual([])
  })

  it('sees that a stack has drifted from its file, on the list and on its own page', async () => {
    const { page } = await open()
    await page.goto(`${client.url}/ui`)
    const badge = page.getByRole('row', { name: /metrics/ }).getByText('Drifted from its file')
    expect(await badge.getAttribute('title')).toContain('compose.yaml and .env')
    await page.getByRole('link', { name: 'metrics', exact: true }).first().click()
    await page.getByText('Drifted from its file').waitFor()
    await page.getByText('What runs is not what compose.yaml and .env say now.').waitFor()
    await page.goto(`${client.url}/ui/stacks/nas/media`)
    await page.getByRole('heading', { name: 'Services' }).waitFor()
    expect(await page.getByText('Drifted').count()).toBe(0)
  })

  it('goes back to a release, and checks now', async () => {
    const { page } = await open()
    await page.goto(`${client.url}/ui/stacks/nas/media`)
    await page.getByRole('link', { name: 'Go back to this: Release 8' }).click()
    await page.getByText('Against what runs now').waitFor()
    await page.getByRole('button', { name: 'Go back to release 8' }).click()
    expect(await job(page)).toMatchObject({ action: 'rollback', to: 8, ok: true })
    await page.goto(`${client.url}/ui/stacks/nas/media`)
    await page.getByRole('button', { name: 'Check now: media' }).click()
    expect(await job(page)).toMatchObject({ action: 'check', ok: true })
  })

  it('holds a stack with a reason, sees it, and releases it', async () => {
    const { page } = await open()
    await page.goto(`${client.url}/ui/stacks/nas/media`)
    await page.getByRole('link', { name: 'Hold: media' }).click()
    await page.getByLabel('Reason').fill(HOSTILE)
    await page.getByLabel('Until').selectOption('24h')
    await page.getByRole('button', { name: 'Hold it' }).click()
    await page.waitForURL(/\/stacks\/nas\/media$/)
    // The marks that turn the direction round turn nothing but the reason itself.
    expect(await page.locator('.notice.hold strong').textContent()).toBe(HOSTILE)
    expect(await page.title()).toBe('media@nas · Deployer')
    expect(await violations(page)).toEqual([])
    expect(await scene.redis.hexists(holdsKey('nas'), 'media')).toBe(1)
    await page.getByRole('link', { name: 'Release the hold: media' }).click()
    await page.getByRole('button', { name: 'Release it' }).click()
    await page.getByRole('link', { name: 'Hold: media' }).waitFor()
    expect(await scene.redis.hexists(holdsKey('nas'), 'media')).toBe(0)
  })

  it('skips an image', async () => {
    const { page } = await open()
    await page.goto(`${client.url}/ui/stacks/nas/media`)
    await page.getByRole('link', { name: 'Skip: db' }).click()
    await page.getByRole('button', { name: 'Skip it' }).click()
    await page.getByText('Update skipped').waitFor()
    expect(await scene.redis.hget(skipsKey('nas'), 'media/db')).toBe(digestOf('5'))
  })

  it('sees why a job failed, and tries it again', async () => {
    const { page } = await open()
    await page.goto(`${client.url}/ui/jobs/${scene.jobs.failed}`)
    await page.getByText('password authentication failed').first().waitFor()
    await page.getByRole('link', { name: 'Try again: shop' }).click()
    await page.getByRole('button', { name: 'Try again' }).click()
    expect(await job(page)).toMatchObject({ action: 'deploy', stack: 'shop', source: 'retry', by: 'ui:admin', ok: true })
    const failed = (await client.plain('GET', `/jobs/${scene.jobs.failed}`, scene.jobs.failed)).body
    expect(failed).toMatchObject({ ok: false, code: 'rollback_failed' })
  })

  it('needs nothing but a keyboard', async () => {
    const { page } = await open()
    await page.goto(`${client.url}/ui`)
    const focused = () => page.evaluate<string>('document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent')
    const tabTo = async (name: string) => {
      for (let presses = 0; presses < 100; presses++) {
        await page.keyboard.press('Tab')
        const seen = await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')
        expect([await focused(), seen]).toEqual([expect.any(String), 'solid'])
        if ((await focused()).trim() === name) return
      }
      throw new Error(`no Tab leads to ${name}`)
    }
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('To the content')
    await page.keyboard.press('Enter')
    await tabTo('Deploy: media')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Deploy media on nas?' }).waitFor()
    await page.waitForLoadState()
    await tabTo('Deploy now')
    await page.keyboard.press('Enter')
    expect(await job(page)).toMatchObject({ action: 'deploy', stack: 'media', ok: true })
    await page.getByText('Done').first().waitFor()
    await page.waitForLoadState()
    await tabTo('Try again: media')
    expect(await page.locator('[tabindex]:not([tabindex="0"]):not([tabindex="-1"])').count()).toBe(0)
  })

  it('reads somebody else’s text as text', async () => {
    const steps = scene.redis.pipeline()
    const id = writeEndedJob(
      steps,
      77,
      { stack: 'billing', host: 'nas', action: 'deploy', source: 'request', caller: HOSTILE },
      {
        finished: Date.now() + 60_000,
        state: 'failed',
        code: 'step_failed',
        message: HOSTILE,
        steps: [{ name: 'up', ok: false, exit_code: 1, duration_ms: 1, tail: HOSTILE }],
        changes: [
          {
            service: HOSTILE,
            image: HOSTILE,
            why: 'image',
            from: HOSTILE,
            to: HOSTILE,
            from_digest: null,
            to_digest: null,
            from_version: HOSTILE,
            to_version: HOSTILE,
            source: HOSTILE,
          },
        ],
        degraded: [HOSTILE],
      },
    )
    await steps.exec()
    for (const width of [1280, 390]) {
      const { page, problems } = await open({ viewport: { width, height: 800 } })
      for (const path of [`/ui/jobs/${id}`, '/ui', '/ui/stacks/nas/billing']) {
        await page.goto(client.url + path)
        await page.getByText(HOSTILE.trim()).first().waitFor()
        expect(await page.title()).not.toContain('owned')
        expect(await page.locator('img[src="x"]').count()).toBe(0)
        expect(await violations(page)).toEqual([])
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
      }
      expect(problems).toEqual([])
    }
  })

  it('prints a job with everything that it said, and nothing to press', async () => {
    const { page } = await open({ colorScheme: 'dark' })
    await page.goto(`${client.url}/ui/jobs/${scene.jobs.failed}`)
    await page.emulateMedia({ media: 'print' })
    expect(await page.getByText('Container web Started').isVisible()).toBe(true)
    expect(await page.getByRole('link', { name: 'Try again' }).count()).toBe(0)
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(255, 255, 255)')
    // A4 is narrow, and no phone: a table stays one, in dark ink, with times that still say something next week.
    await page.setViewportSize({ width: 700, height: 1000 })
    expect(await page.evaluate('getComputedStyle(document.querySelector(".changes thead")).position')).toBe('static')
    expect(await page.evaluate('getComputedStyle(document.querySelector(".badge.bad")).color')).toBe('rgb(168, 32, 26)')
    expect(await page.evaluate('getComputedStyle(document.querySelector("time"), "::after").content')).toMatch(/\d{2}:\d{2}:\d{2} UTC/)
  })

  it('sees a job as it runs, and cancels it', async () => {
    const { page, problems } = await open()
    const { page: list } = await open()
    await list.goto(`${client.url}/ui`)
    await list.locator('#live-answers').getByText('Waiting', { exact: true }).waitFor()
    await page.goto(`${client.url}/ui/jobs/${waiting}`)
    await page.getByText('Waits for its worker.').waitFor()
    const add = async (event: string, data: object) => {
      await scene.redis.xadd(jobStreamKey(waiting), '*', 'event', event, 'data', JSON.stringify(data))
      await scene.redis.publish(JOB_CHANNEL, encodeJobNews(waiting, 'stream'))
    }
    await add('log', { step: 'pull', line: `web Pulling ${HOSTILE}` })
    await until('the line', async () => (await page.locator('#log').textContent())?.includes(`pull  web Pulling ${HOSTILE}`))
    await page.getByRole('link', { name: 'Cancel: blog' }).click()
    await page.getByRole('button', { name: 'Cancel the job' }).click()
    await page.getByText('Canceled').first().waitFor()
    // The list was told, and has looked again by itself.
    await list.locator('#live-answers').getByText('Nothing runs, nothing waits.').waitFor()
    await page.goto(`${client.url}/ui/jobs/${waiting}/cancel`)
    await page.getByText('It is too late to cancel').waitFor()
    expect(problems.filter((one) => !one.startsWith('409'))).toEqual([])
  })
})

it('goes on to follow a job after a proxy has said that the API is away, and shows each line once', async () => {
  const id = (await client.plain('POST', '/deploy/landing', 'landing')).body.job_id as string
  const line = async (text: string) => {
    await scene.redis.xadd(jobStreamKey(id), '*', 'event', 'log', 'data', JSON.stringify({ step: 'pull', line: text }))
    await scene.redis.publish(JOB_CHANNEL, encodeJobNews(id, 'stream'))
  }
  const settings = { REDIS_URL: redis.url, DASHBOARD_PASSWORD: 'a-password', PORT: String(await freePort()) }
  const api = await world.start('api', settings)
  const { page, problems } = await open()
  await page.goto(`${api.client.url}/ui/jobs/${id}`)
  await line('before')
  await until('the line', async () => (await page.locator('#log').textContent()) === 'pull  before\n')
  await api.stop()
  const proxy = createServer((_, response) => response.writeHead(502).end()).listen(Number(settings.PORT), '127.0.0.1')
  await until('the stream to be refused', () => problems.some((one) => one.startsWith('502') && one.endsWith('/events')))
  proxy.closeAllConnections()
  await new Promise((resolve) => proxy.close(resolve))
  await world.start('api', settings)
  await line('after')
  await until('both lines', async () => (await page.locator('#log').textContent()) === 'pull  before\npull  after\n')
})

it('shows a stack beside the name of its host on a phone, however long that is', async () => {
  const host = 'h'.repeat(63)
  await publishStacks(redis.url, host, ['beside'])
  const { page } = await open({ viewport: { width: 390, height: 800 } })
  await page.goto(`${client.url}/ui?name=beside`)
  const edge = async (selector: string) => (await page.locator(selector).boundingBox()) ?? { x: 0, width: 0 }
  const stack = await edge('.stacks tbody th')
  expect(stack.x + stack.width).toBeLessThanOrEqual((await edge('.stacks .host')).x)
})
