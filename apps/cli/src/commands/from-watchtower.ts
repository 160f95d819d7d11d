import { text } from 'node:stream/consumers'
import type { Terminal } from '../context.ts'
import { readContainers } from '../watchtower/read-containers.ts'
import { translate, type Translation } from '../watchtower/translate.ts'

/**
 * `docker inspect watchtower | deployer from-watchtower`: prints what its settings are for Deployer. The addresses of its messages are secrets, so
 * they are printed only where nothing else is.
 */
export async function fromWatchtower(
  options: { notifyUrls?: boolean; json?: boolean },
  input: NodeJS.ReadableStream,
  terminal: Terminal,
): Promise<number> {
  const { watchtower, neighbors } = readContainers(await text(input))
  const { urls, ...translation } = translate(watchtower, neighbors)
  if (options.notifyUrls) for (const url of urls) terminal.print(url)
  else if (options.json) terminal.print(JSON.stringify({ ...translation, notify_urls: urls.length }))
  else for (const line of describe(translation, urls.length)) terminal.print(line)
  return 0
}

function describe({ env, snippets, warnings }: Omit<Translation, 'urls'>, urls: number): string[] {
  const lines = ['# .env', ...env]
  if (urls > 0) {
    lines.push(`# The ${urls === 1 ? 'address' : `${urls} addresses`} of its messages, in a file that nobody else reads, mounted there:`)
    lines.push('#   (umask 077; docker inspect watchtower | deployer from-watchtower --notify-urls > notify-urls)')
  }
  for (const { stack, services } of snippets) {
    lines.push('', `# compose.yaml of ${stack}`, 'services:')
    for (const [service, watch] of Object.entries(services)) lines.push(`  ${service}:`, `    x-deployer: { watch: ${watch} }`)
  }
  if (warnings.length > 0) lines.push('', '# Look at:', ...warnings.map((warning) => `# - ${warning}`))
  return lines
}
