const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
const INDEX = 'application/vnd.docker.distribution.manifest.list.v2+json'

/**
 * Puts an index of two platforms into a registry, as `docker buildx` does.
 *
 * @param repository `127.0.0.1:port/name`
 * @param tags The images that are pushed there already, by architecture.
 * @returns The index's digest.
 */
export async function pushIndex(repository: string, tag: string, tags: Record<string, string>): Promise<string> {
  const [host = '', name = ''] = repository.split('/')
  const url = (reference: string) => `http://${host}/v2/${name}/manifests/${reference}`
  const manifests = await Promise.all(
    Object.entries(tags).map(async ([architecture, from]) => {
      const { headers } = await fetch(url(from), { method: 'HEAD', headers: { accept: MANIFEST } })
      const [digest, size] = [headers.get('docker-content-digest'), Number(headers.get('content-length'))]
      return { mediaType: MANIFEST, size, digest, platform: { architecture, os: 'linux' } }
    }),
  )
  const body = JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests })
  const answer = await fetch(url(tag), { method: 'PUT', headers: { 'content-type': INDEX }, body })
  if (!answer.ok) throw new Error(`the index was not taken: ${await answer.text()}`)
  return answer.headers.get('docker-content-digest') ?? ''
}
