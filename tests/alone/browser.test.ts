import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { chromium, type Page } from 'playwright-core'
import { afterAll, describe, expect, it } from 'vitest'
import { startNginx } from '../../lab/nginx.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { until } from '../../lab/until.ts'
import { webFile } from '../../lab/world.ts'
import { deployAndWait } from '../../lab/deploy-and-wait.ts'
import { engine, registry, useWorld } from '../support.ts'

const world = useWorld()
const image = `${registry}/browser:latest`
await publishImage(engine, image, 'v1')
const stack = await world.addStack('media', webFile(image))
await stack.compose('up', '-d')
const password = 'a-password-for-the-board'
const { client } = await world.start('all', { DASHBOARD_PASSWORD: password })
const proxy = await startNginx(
  `location /tools/deployer/ { proxy_pass ${client.url}/; proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Prefix /tools/deployer; }`,
)
const program = (process.env['PATH'] ?? '')
  .split(':')
  .map((dir) => join(dir, 'chromium'))
  .find((path) => existsSync(path))
const browser = await chromium.launch({
  executablePath: program ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
})
afterAll(async () => {
  await browser.close()
  await proxy.stop()
})
const pictures = join(world.root, '.pictures')
mkdirSync(pictures)

/** A page that keeps what went wrong in it: errors of scripts, and requests to elsewhere or without an answer. */
async function open(httpCredentials?: { username: string; password: string }): Promise<{ page: Page; problems: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...(httpCredentials ? { httpCredentials } : {}) })
  const page = await context.newPage()
  const problems: string[] = []
  page.on('pageerror', (error) => problems.push(String(error)))
  page.on('requestfailed', (request) => {
    const why = request.failure()?.errorText ?? ''
    // What was still being loaded when the test went to another page.
    if (why !== 'net::ERR_ABORTED') problems.push(`${request.url()} failed: ${why}`)
  })
  page.on('response', (response) => {
    if (response.status() >= 400) problems.push(`${response.status()} ${response.url()}`)
  })
  return { page, problems }
}

describe('Bull Board in Chromium', () => {
  it('lets nobody in without the password', async () => {
    const { page } = await open({ username: 'admin', password: 'wrong' })
    const response = await page.goto(`${client.url}/dashboard`)
    expect(response?.status()).toBe(401)
    expect(await page.content()).not.toContain(stack.name)
  })

  it.each([
    ['directly', () => client.url],
    ['under the prefix of a proxy', () => `${proxy.url}/tools/deployer`],
  ])('shows why a job failed, and retries it with success (%s)', async (_, address) => {
    const good = webFile(image)(Number(new URL(stack.url).port))
    expect((await deployAndWait(client, stack.name)).status).toBe(200)
    stack.write('compose.yaml', good.replace('services:', 'services: nonsense\nother:'))
    const { body: failed } = await deployAndWait(client, stack.name)
    expect(failed.code).toBe('step_failed')
    const { page, problems } = await open({ username: 'admin', password })
    await page.goto(`${address()}/dashboard`)
    const queue = `${stack.name}@${world.settings['WORKER_NAME']}`
    await page.getByText(queue).first().click()
    await page.goto(`${page.url().split('?')[0]}?status=failed`)
    const card = page.getByText(failed.job_id).first()
    await card.waitFor()
    await page.getByText('The step "config" failed').first().waitFor()
    await page.getByText('services must be a mapping').first().waitFor()
    await page.screenshot({ path: process.env['DASHBOARD_PICTURE'] ?? join(pictures, 'failed.png') })
    expect(await page.content()).not.toContain(world.secret)
    stack.write('compose.yaml', good)
    // The job's own buttons are icons, the first of them the one to retry.
    await page.locator(`xpath=(//*[contains(text(), "${failed.job_id}")]/following::button)[1]`).click()
    const confirm = page.getByRole('button', { name: /^confirm$/i })
    const newest = async () => (await client.plain('GET', `/jobs?stack=${stack.name}&limit=1`, 'jobs')).body.jobs[0]
    const asked = async () => (await newest()).job_id !== failed.job_id
    await Promise.race([confirm.click({ timeout: 10_000 }), until('the retry', asked)]).catch(() => undefined)
    await until('the new job to succeed', async () => (await asked()) && (await newest()).ok)
    const again = await newest()
    expect(again).toMatchObject({ source: 'retry', by: 'dashboard:admin' })
    expect((await client.plain('GET', `/jobs/${failed.job_id}`, failed.job_id)).body).toMatchObject({ ok: false, code: 'step_failed' })
    await page.goto(`${page.url().split('?')[0]}?status=completed`)
    await page.getByText(again.job_id).first().waitFor()
    expect(problems).toEqual([])
  })
})

describe('the page of the API in Chromium', () => {
  it('shows the operations, from nowhere but here', async () => {
    for (const address of [client.url, `${proxy.url}/tools/deployer`]) {
      const { page, problems } = await open()
      const asked: string[] = []
      page.on('request', (request) => asked.push(request.url()))
      await page.goto(`${address}/docs`)
      await page.getByText('Make a former release run').first().waitFor()
      await page.screenshot({ path: process.env['DOCS_PICTURE'] ?? join(pictures, 'docs.png') })
      expect(asked.filter((url) => !url.startsWith(address) && !/^(data|blob):/.test(url))).toEqual([])
      expect(problems).toEqual([])
    }
  })
})
