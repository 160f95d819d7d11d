import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'

/** Starts the Chromium that is on this machine. */
export function startBrowser(): Promise<Browser> {
  const program = (process.env['PATH'] ?? '')
    .split(':')
    .map((dir) => join(dir, 'chromium'))
    .find((path) => existsSync(path))
  return chromium.launch({
    executablePath: program ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  })
}

/** A page that keeps what went wrong in it: errors of scripts, what its policy forbade, and requests to elsewhere or without an answer. */
export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<{ page: Page; problems: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
  const page = await context.newPage()
  const problems: string[] = []
  page.on('pageerror', (error) => problems.push(String(error)))
  page.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) problems.push(message.text())
  })
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
