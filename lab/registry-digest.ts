/** The digest that a name has at its registry now. @param reference `127.0.0.1:port/name:tag` */
export async function registryDigest(reference: string): Promise<string> {
  const [, host, name, tag] = /^([^/]+)\/(.+):([^:]+)$/.exec(reference) ?? []
  const accept = 'application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json'
  const { headers } = await fetch(`http://${host}/v2/${name}/manifests/${tag}`, { method: 'HEAD', headers: { accept } })
  return headers.get('docker-content-digest') ?? ''
}
