import { readFileSync } from 'node:fs'

/**
 * Reads a secret from a file, without the line end that editors and `echo` leave behind it.
 *
 * @throws What `readFileSync` throws.
 */
export function readSecretFile(path: string): string {
  return readFileSync(path, 'utf8').replace(/\r?\n$/, '')
}
