import { expect, it } from 'vitest'
import type { Tools } from '../converge/tools.ts'
import { refuseUnset } from './refuse-unset.ts'

/** Whether a service that has a text somewhere, and is another one now, is refused for want of TOKEN. */
async function isRefused(text: string): Promise<boolean> {
  const raw = { name: 'media', services: { web: { labels: { text } }, db: { environment: { TOKEN: '${TOKEN}' } } } }
  const compose = { run: async () => ({ exitCode: 0, stdout: JSON.stringify(raw) }) }
  const tools = { compose, paths: { workingDir: '/opt/stacks/media' }, lockFd: 0 } as unknown as Tools
  const files = { projectDir: '/opt/stacks/media', files: [], envFiles: [] }
  const context = { signal: new AbortController().signal, log: () => undefined }
  return refuseUnset(tools, 'media', files, ['TOKEN'], ['web'], context).then(
    () => false,
    (error: { code: string }) => error.code === 'variable_unset',
  )
}

it.each(['$TOKEN', '${TOKEN}', 'bearer $TOKEN.', '${TOKEN:-none}', '${TOKEN-none}', '${TOKEN:?is missing}', '${TOKEN+yes}'])(
  'a service that takes the variable as %s would lose it',
  async (text) => {
    expect(await isRefused(text)).toBe(true)
  },
)

it.each(['TOKEN', '$TOKENS', '${TOKENS}', '${OTHER}'])('one that says %s has nothing to lose', async (text) => {
  expect(await isRefused(text)).toBe(false)
})
