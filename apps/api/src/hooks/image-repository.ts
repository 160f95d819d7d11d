/** Where an image is, without tag and digest. */
export interface ImageRepository {
  /** `docker.io`, `ghcr.io`, `127.0.0.1:5000` */
  host: string
  /** `library/nginx`, `me/app` */
  path: string
}

const HUB = 'docker.io'
/** Other names of it. */
const ALIASES = new Set(['index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com'])

/** The repository of an image's name: `nginx`, `library/nginx:1` and `docker.io/library/nginx@sha256:…` are in one. */
export function imageRepository(name: string): ImageRepository {
  const bare = (name.split('@')[0] ?? '').replace(/:[^/:]*$/, '').toLowerCase()
  const [first = '', ...rest] = bare.split('/')
  // As Docker tells a registry from the first part of a path.
  const hasHost = rest.length > 0 && /[.:]|^localhost$/.test(first)
  const host = hasHost && !ALIASES.has(first) ? first : HUB
  const path = hasHost ? rest.join('/') : bare
  return { host, path: host === HUB && !path.includes('/') ? `library/${path}` : path }
}

/** Every way to write a repository: `docker.io/library/nginx`, `library/nginx`, `nginx`. */
export function spellings({ host, path }: ImageRepository): string[] {
  return [`${host}/${path}`, ...(host === HUB ? [path, path.replace(/^library\//, '')] : [])]
}
