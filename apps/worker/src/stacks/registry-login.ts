import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { repository } from '../converge/name-images.ts'
import { runProcess } from '../process/run-process.ts'

/** How a registry is logged in to, as the engine wants it. */
export interface RegistryLogin {
  username?: string
  password?: string
  identitytoken?: string
  serveraddress: string
}

/** What Docker's own configuration calls Docker Hub. */
const HUB = 'https://index.docker.io/v1/'

const DockerConfig = z.object({
  auths: z.record(z.string(), z.looseObject({ auth: z.string().optional(), identitytoken: z.string().optional() })).default({}),
  credHelpers: z.record(z.string(), z.string()).default({}),
  credsStore: z.string().optional(),
})
const Credentials = z.object({ Username: z.string(), Secret: z.string() })

/** The registry of an image's name: `docker.io` where it names none. */
export function registryOf(image: string): string {
  const [first = '', ...rest] = repository(image).split('/')
  if (rest.length === 0 || !/[.:]|^localhost$/.test(first)) return 'docker.io'
  return first === 'index.docker.io' ? 'docker.io' : first
}

/**
 * The login that a stack's own pull of an image would use: from the stack's folder, otherwise this user's; in plain sight or from a helper.
 *
 * @param fd What a helper inherits. @returns `null` where there is none.
 */
export async function registryLogin(dir: string, image: string, fd: number): Promise<RegistryLogin | null> {
  const folders = [join(dir, '.docker'), join(process.env['HOME'] ?? '/root', '.docker')]
  const folder = folders.find((path) => existsSync(join(path, 'config.json')))
  if (folder === undefined) return null
  const { auths, credHelpers, credsStore } = DockerConfig.parse(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')))
  const registry = registryOf(image)
  const names = registry === 'docker.io' ? [HUB, 'docker.io', 'index.docker.io'] : [registry, `https://${registry}`]
  const [serveraddress = registry] = names
  const helper = names.map((name) => credHelpers[name]).find(Boolean) ?? credsStore
  if (helper !== undefined) return askHelper(helper, serveraddress, folder, fd)
  const { auth, identitytoken } = names.map((name) => auths[name]).find(Boolean) ?? {}
  if (identitytoken) return { identitytoken, serveraddress }
  if (!auth) return null
  const [username = '', password = ''] = Buffer.from(auth, 'base64').toString('utf8').split(/:(.*)/s)
  return { username, password, serveraddress }
}

/** The value of `X-Registry-Auth`. The engine takes one without padding for none, and does not say so (26.1). */
export function encodeLogin(login: RegistryLogin): string {
  return Buffer.from(JSON.stringify(login)).toString('base64').replaceAll('+', '-').replaceAll('/', '_')
}

/** See https://docs.docker.com/reference/cli/docker/login/#credential-helpers */
async function askHelper(helper: string, server: string, folder: string, fd: number): Promise<RegistryLogin | null> {
  let said = ''
  const env = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/root', DOCKER_CONFIG: folder }
  const exitCode = await runProcess(`docker-credential-${helper}`, ['get'], {
    env,
    signal: AbortSignal.timeout(10_000),
    inheritFd: fd,
    input: server,
    onStdout: (text) => (said += text),
  }).catch(() => null)
  const found = exitCode === 0 ? Credentials.safeParse(parseJson(said)).data : undefined
  if (!found) return null
  const { Username: username, Secret: secret } = found
  if (username === '<token>') return { identitytoken: secret, serveraddress: server }
  return { username, password: secret, serveraddress: server }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
