/** What a part of a URL has to be like for its owner to mean a secret by it, and not a word. */
const TOKEN = /^(?=.*[\p{L}])(?=.*\d).{8,}$|^\S{20,}$|^\d{9,}$/u

/**
 * What must not be seen of a URL that holds a secret: all of it, its password, and every part that looks like a token.
 *
 * @param url Of any scheme, and not necessarily a well-formed one.
 */
export function secretsOfUrl(url: string): string[] {
  return [url, ...partsOfUrl(url).filter((part) => TOKEN.test(part)), ...passwordsOf(url)]
}

/** Every part of a URL, as it stands there and decoded: where nothing but an answer to it is looked at, each may be the secret. */
export function partsOfUrl(url: string): string[] {
  const parts = url.replace(/^[^:]*:\/\//, '').split(/[/?&=@:,#+]/)
  // Some have several tokens in one part, with dashes between them.
  return [...new Set(parts.flatMap((part) => [part, decoded(part), ...part.split('-').filter(({ length }) => length >= 8)]))].filter(
    (part) => part.length >= 3,
  )
}

function passwordsOf(url: string): string[] {
  const password = /^[^:]*:\/\/[^/?#]*?:([^/?#]*)@/.exec(url)?.[1] ?? ''
  return password ? [password, decoded(password)] : []
}

/** A text without its percent-escapes, or as it is where it has none that make sense. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
