import type { Change } from '@deployer/shared/job'

/** The services that a job has changed, a line each: from which version to which, and where to read what is new. */
export function describeChanges(changes: Change[]): string[] {
  return changes.map((change) => {
    const { service, image, why, from, to, source } = change
    const where = to === null ? '' : placeOf(source)
    if (to === null) return `${service}: removed`
    if (from === null) return `${service}: new, ${image} ${versionOf(change, 'to')}${where}`
    if (from === to) return `${service}: made anew${why === 'definition' ? ', its definition has changed' : ''} (${image})`
    return `${service}: ${image} ${versionOf(change, 'from')} → ${versionOf(change, 'to')}${where}`
  })
}

/** `1.2.3 (0a1b2c3d4e5f)`, or the digest alone where the image does not say its version. */
function versionOf(change: Change, which: 'from' | 'to'): string {
  const digest = shortDigest(change[`${which}_digest`] ?? change[which] ?? '')
  const version = change[`${which}_version`]
  return version === null ? digest : `${version} (${digest})`
}

/** The first twelve hex digits. */
export function shortDigest(digest: string): string {
  return digest.replace(/^sha256:/, '').slice(0, 12)
}

/** Where to read what is new. Whatever stands in an image's label is kept, but only an address is shown as one. */
export function placeOf(source: string | null | undefined): string {
  return /^https?:\/\/\S+$/.test(source ?? '') ? ` – ${source}` : ''
}
