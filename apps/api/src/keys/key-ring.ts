import { statSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import type { Logger } from '@deployer/shared/logger'
import { SettingsError } from '@deployer/shared/settings'
import { readKeysFile, type Keys } from './keys-file.ts'

/** The keys in force. */
export interface KeyRing {
  current(): Keys
  stop(): void
}

/**
 * Milliseconds between two looks at the files. A look, since change notices do not come through every kind of mount, and a secret of an
 * orchestrator is replaced by moving a link.
 */
const LOOK_INTERVAL = 1000

/**
 * Reads a keys file now and whenever it, or a secret file that it names, changes. A broken file leaves the former keys in force.
 *
 * @param path `undefined`: no scoped keys, no tokens.
 * @param onKeys Called with each set of keys before it is in force.
 * @throws {SettingsError} when the file cannot be used at the start.
 */
export function createKeyRing(path: string | undefined, logger: Logger, onKeys: (keys: Keys) => void): KeyRing {
  if (path === undefined) return { current: () => ({ keys: [], issuers: [], hooks: [], files: [] }), stop: () => undefined }
  let keys: Keys
  try {
    keys = readKeysFile(path)
  } catch (error) {
    throw new SettingsError(`DEPLOY_KEYS_FILE is "${path}", which cannot be used: ${(error as Error).message}`)
  }
  onKeys(keys)
  let seen = fingerprint(keys.files)
  const timer = setInterval(() => {
    const now = fingerprint(keys.files)
    if (now === seen) return
    seen = now
    try {
      keys = keepUnchanged(readKeysFile(path), keys)
      onKeys(keys)
      seen = fingerprint(keys.files)
      logger.info({ event: 'keys_loaded', keys: keys.keys.map(({ id }) => id), issuers: keys.issuers.length }, 'keys file read again')
    } catch (error) {
      const reason = (error as Error).message
      logger.error({ event: 'keys_file_broken', path, reason }, 'the keys file cannot be used; the former keys stay in force')
    }
  }, LOOK_INTERVAL)
  return { current: () => keys, stop: () => clearInterval(timer) }
}

/** What is as it was stays the same object: who was let in by it is in as long as it is there. */
function keepUnchanged(now: Keys, former: Keys): Keys {
  const same = <T>(one: T, others: T[]) => others.find((other) => isDeepStrictEqual(one, other)) ?? one
  return {
    ...now,
    keys: now.keys.map((key) => same(key, former.keys)),
    issuers: now.issuers.map((issuer) => same(issuer, former.issuers)),
    hooks: now.hooks.map((hook) => same(hook, former.hooks)),
  }
}

function fingerprint(files: string[]): string {
  return files
    .map((file) => {
      const stats = statSync(file, { throwIfNoEntry: false, bigint: true })
      return stats ? `${stats.ino} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}` : 'gone'
    })
    .join('\n')
}
