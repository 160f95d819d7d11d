import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openPage, startBrowser } from '../../lab/browser.ts'
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
const browser = await startBrowser()
afterAll(async () => {
  await browser.close()
  await proxy.stop()
})
const pictures = join(world.root, '.pictures')
mkdirSync(pictures)

const open = (httpCredentials?: { username: string; password: string }) => openPage(browser, httpCredentials ? { httpCredentials } : {})

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
  ])('shows why a job failed, and leads to its page, which tries it again with success (%s)', async (_, address) => {
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
    // Nothing to press that could not be done.
    await page.screenshot({ path: process.env['DASHBOARD_PICTURE'] ?? join(pictures, 'failed.png') })
    for (const name of [/retry/i, /clean/i, /pause/i, /empty/i, /delete/i, /duplicate/i, /obliterate/i, /add job/i, /update/i]) {
      expect(await page.getByRole('button', { name }).count(), String(name)).toBe(0)
    }
    const [own] = await Promise.all([
      page.context().waitForEvent('page'),
      page.locator(`a[href$="ui/jobs/${failed.job_id}"]`).last().click(),
    ])
    await own.getByText('services must be a mapping').first().waitFor()
    await own.getByRole('link', { name: `Try again: ${stack.name}` }).click()
    await own.getByRole('button', { name: 'Try again' }).click()
    const newest = async () => (await client.plain('GET', `/jobs?stack=${stack.name}&limit=1`, 'jobs')).body.jobs[0]
    const asked = async () => (await newest()).job_id !== failed.job_id
    await until('the new job to succeed', async () => (await asked()) && (await newest()).ok)
    const again = await newest()
    expect(again).toMatchObject({ source: 'retry', by: 'ui:admin' })
    expect((await client.plain('GET', `/jobs/${failed.job_id}`, failed.job_id)).body).toMatchObject({ ok: false, code: 'step_failed' })
    await own.getByText('Done').first().waitFor()
    expect(own.url()).toBe(`${address()}/ui/jobs/${again.job_id}`)
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
