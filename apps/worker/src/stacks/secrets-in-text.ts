/** The part of a URL before its host: `user`, `user:password`. Greedy, since people forget to encode an `@`. */
const USER_INFO = /\b[a-z][a-z0-9+.-]*:\/\/([^\s/?#]+)@/gi
const ASSIGNMENT = /([\w.-]+)=("[^"]*"|'[^']*'|[^\s"',;&]+)/g
const BEARER = /\b(?:bearer|basic)\s+([\w.~+/=-]{8,})/gi
/** A user without a password may be a token, such as those of code hosts; `git` is none. */
const SHORTEST_TOKEN = 12

/**
 * The secrets in a text that is something else as a whole: passwords in URLs, `NAME=value` and options whose names say secret, HTTP credentials.
 *
 * @param saysSecret Tells it of a name.
 */
export function secretsInText(text: string, saysSecret: (name: string) => boolean): string[] {
  const passwords = [...text.matchAll(USER_INFO)].flatMap(([, userInfo = '']) => passwordOf(userInfo))
  const assigned = [...text.matchAll(ASSIGNMENT)].flatMap(([, name = '', value = '']) => (saysSecret(name) ? [unquoted(value)] : []))
  const bearers = [...text.matchAll(BEARER)].map(([, token = '']) => token)
  return [...passwords, ...assigned, ...bearers, ...secretsInWords(text.split(/\s+/), saysSecret)]
}

/** The words that follow an option whose name says secret: `--password hunter2`. */
export function secretsInWords(words: string[], saysSecret: (name: string) => boolean): string[] {
  return words.flatMap((word, index) => {
    const next = words[index + 1] ?? ''
    return /^-[^=]+$/.test(word) && saysSecret(word) && !next.startsWith('-') ? [unquoted(next)] : []
  })
}

function passwordOf(userInfo: string): string[] {
  const colon = userInfo.indexOf(':')
  const password = colon < 0 ? (userInfo.length >= SHORTEST_TOKEN ? userInfo : '') : userInfo.slice(colon + 1)
  try {
    return [password, decodeURIComponent(password)]
  } catch {
    // A per cent sign that nobody has encoded.
    return [password]
  }
}

function unquoted(word: string): string {
  return word.replace(/^(["'])(.*)\1$/, '$2')
}
