import { mkdirSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { createFileStore } from '../journal/file-store.ts'
import { tryLock } from '../lock/try-lock.ts'
import { Seen } from './seen.ts'

/** What is known of an image's name. */
export const KnownName = z.object({
  seen: z.array(Seen),
  /** How its registry was last asked: it answered, the image has none, or why there was no answer. */
  source: z.enum(['answered', 'local', 'unknown']),
  problem: z.string().nullable(),
  /** When it was asked last: RFC 3339. */
  at: z.iso.datetime(),
})
export type KnownName = z.infer<typeof KnownName>

/** What is known of a stack. */
export const KnownStack = z.object({
  /** RFC 3339. */
  checked_at: z.iso.datetime(),
  /** The digests by service that were told of. */
  told: z.record(z.string(), z.string()),
  /** When time alone changes something next: RFC 3339. */
  next: z.iso.datetime().nullable(),
  /** How often in a row a registry was asked for what could have been deployed, and did not answer. */
  unanswered: z.number().default(0),
})
export type KnownStack = z.infer<typeof KnownStack>

/** What watching remembers, which no loss of Redis takes away. */
export const WatchFile = z.object({
  version: z.literal(1),
  names: z.record(z.string(), KnownName),
  stacks: z.record(z.string(), KnownStack),
  /** Registries that want to be left alone until then: RFC 3339. */
  pauses: z.record(z.string(), z.iso.datetime()),
  /** How often in a row they have said so. */
  refusals: z.record(z.string(), z.number()).default({}),
  /** The host's settings by which it was decided last. */
  settings: z.string().default(''),
})
export type WatchFile = z.infer<typeof WatchFile>

/** The memory of a host's workers. */
export interface WatchMemory {
  read(): WatchFile
  /** Changes it; one at a time over all workers of the host. */
  update<T>(change: (file: WatchFile) => T | Promise<T>): Promise<T>
}

const FILE = 'watch.json'
/** No stack can be called so. */
const LOCK = '@watch'
const Versioned = z.object({ version: z.number() })

/** Seconds that another worker may take. */
const PATIENCE = 60

/** @param searchPath The PATH in which `flock` is found. @param onDamage Told when it could not be read, and begins anew. */
export function createMemory(dataDir: string, searchPath: string, onDamage: () => void): WatchMemory {
  const store = createFileStore(dataDir)
  const locks = join(dataDir, 'locks')
  let last: Promise<unknown> = Promise.resolve()

  function read(): WatchFile {
    const text = store.read(FILE)
    if (text === null) return { version: 1, names: {}, stacks: {}, pauses: {}, refusals: {}, settings: '' }
    const json = parseJson(text)
    const version = Versioned.safeParse(json).data?.version ?? 1
    if (version > 1) throw new Error(`${FILE} was written by a later release of Deployer, so nothing is watched`)
    const parsed = WatchFile.safeParse(json)
    if (parsed.success) return parsed.data
    store.setAside(FILE)
    onDamage()
    return read()
  }

  async function change<T>(what: (file: WatchFile) => T | Promise<T>): Promise<T> {
    mkdirSync(locks, { recursive: true, mode: 0o700 })
    const lock = await open(join(locks, LOCK), 'a', 0o600)
    try {
      const signal = AbortSignal.timeout(2 * PATIENCE * 1000)
      if (!(await tryLock(lock.fd, PATIENCE, searchPath, signal))) throw new Error(`another worker keeps ${FILE} locked`)
      const file = read()
      const before = JSON.stringify(file)
      const answer = await what(file)
      const after = JSON.stringify(file)
      if (after !== before) store.write(FILE, after)
      return answer
    } finally {
      await lock.close()
    }
  }

  return {
    read,
    update(what) {
      const mine = last.then(() => change(what))
      last = mine.catch(() => undefined)
      return mine
    },
  }
}

/** Registries that want to be left alone, as far as that can be read, for who changes nothing. */
export function peekPauses(dataDir: string): WatchFile['pauses'] {
  const text = createFileStore(dataDir).read(FILE)
  return WatchFile.safeParse(text === null ? null : parseJson(text)).data?.pauses ?? {}
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
