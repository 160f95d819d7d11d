const SAMPLES = new Set([
  'change-me',
  'changeme',
  'change_me',
  'replace-me',
  'your-secret',
  'your-secret-here',
  'a-long-random-string',
  'example',
  'put-a-long-random-value-here',
  // Of the synchronous service that this one follows.
  'troque_este_valor',
])

/** Characters below which a secret can be guessed from one signed request that was seen. */
const SHORTEST = 16

/** Why whoever signs with a secret is not protected, as the end of "the secret …"; `null` where he is. Never says the secret. */
export function secretWeakness(secret: string): string | null {
  const text = secret.trim()
  if (!text) return 'is empty'
  if (SAMPLES.has(text.toLowerCase())) return 'is a sample value from the documentation, which everybody knows'
  if (text.length < SHORTEST) return `has ${text.length} characters, but must have ${SHORTEST} or more`
  return null
}
