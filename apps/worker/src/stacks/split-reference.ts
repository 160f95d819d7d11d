/** A repository as the engine names it: `nginx`, `library/nginx` and `docker.io/library/nginx` are one. */
export function familiar(repository: string): string {
  return repository.replace(/^docker\.io\//, '').replace(/^library\//, '')
}

/** `registry:5000/app:1` → `registry:5000/app` and `1`: a colon before the last slash belongs to the registry. */
export function splitReference(reference: string): { repository: string; tag: string } {
  const colon = reference.lastIndexOf(':')
  if (colon <= reference.lastIndexOf('/')) return { repository: reference, tag: 'latest' }
  return { repository: reference.slice(0, colon), tag: reference.slice(colon + 1) }
}
