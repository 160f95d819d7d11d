import { z } from 'zod'
import { splitReference } from '../stacks/split-reference.ts'
import type { RegistryLogin } from '../stacks/registry-login.ts'
import { NoAnswer } from '../ports.ts'

const ACCEPT = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')
const Token = z.object({ token: z.string().optional(), access_token: z.string().optional() })

/** Docker Hub cannot be reached from here. The engine may have another way to it. */
export class HubAway extends Error {}

/**
 * The digest that a name has at Docker Hub now, by a HEAD, which does not count as a pull: a GET, as the engine makes it, does
 * (https://docs.docker.com/docker-hub/usage/pulls/).
 *
 * @param hub `https://registry-1.docker.io`
 * @throws {NoAnswer}, or {@link HubAway}.
 */
export async function hubDigest(hub: string, image: string, login: RegistryLogin | null, signal: AbortSignal): Promise<string> {
  const { repository, tag } = splitReference(image.replace(/^(index\.)?docker\.io\//, ''))
  const name = repository.includes('/') ? repository : `library/${repository}`
  const url = `${hub}/v2/${name}/manifests/${tag}`
  let answer = await ask('HEAD', url, {}, signal)
  if (answer.status === 401) {
    const token = await getToken(answer.headers.get('www-authenticate') ?? '', name, login, signal)
    answer = await ask('HEAD', url, { Authorization: `Bearer ${token}` }, signal)
  }
  refuse(answer, image)
  const digest = answer.headers.get('docker-content-digest')
  if (digest === null) throw new NoAnswer(`${hub} named no digest for ${image}`)
  return digest
}

async function getToken(challenge: string, name: string, login: RegistryLogin | null, signal: AbortSignal): Promise<string> {
  const field = (key: string) => new RegExp(`${key}="([^"]*)"`).exec(challenge)?.[1] ?? ''
  const url = URL.parse(field('realm'))
  if (!url) throw new NoAnswer('Docker Hub wants a login and does not say where')
  url.searchParams.set('service', field('service'))
  url.searchParams.set('scope', `repository:${name}:pull`)
  const basic = login?.username ? `Basic ${Buffer.from(`${login.username}:${login.password ?? ''}`).toString('base64')}` : undefined
  const answer = await ask('GET', url.href, basic ? { Authorization: basic } : {}, signal)
  refuse(answer, name)
  const { token, access_token: other } = Token.parse(await answer.json())
  return token ?? other ?? ''
}

async function ask(method: string, url: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, { method, headers: { Accept: ACCEPT, ...headers }, signal })
  } catch (cause) {
    if (signal.aborted) throw signal.reason
    throw new HubAway('Docker Hub cannot be reached', { cause })
  }
}

function refuse({ ok, status, headers }: Response, image: string): void {
  if (ok) return
  const after = headers.get('retry-after')
  const seconds = after === null ? null : /^\d+$/.test(after) ? Number(after) : (Date.parse(after) - Date.now()) / 1000
  throw new NoAnswer(`Docker Hub answered ${status} for ${image}`, status, seconds)
}
