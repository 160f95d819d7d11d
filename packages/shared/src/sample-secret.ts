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
])

/** Whether a value stands in the documentation or in every tutorial: whoever signs with one is not protected. */
export function isSampleSecret(secret: string): boolean {
  return SAMPLES.has(secret.trim().toLowerCase())
}
