import { z } from 'zod'
import { JobData } from '@deployer/shared/job-data'
import { RunReport } from '@deployer/shared/job'
import { JobId } from '@deployer/shared/names'
import type { Plan } from '../release/compare.ts'
import { isSameRelease, Release } from '../release/release.ts'

/** What a stack's release has become, which changes, unlike the release. */
const KeptRelease = z.object({
  number: z.int(),
  /** Seen to run and to be healthy. */
  verified: z.boolean(),
})

/** What has begun to change a stack and has not ended. */
export const Entry = z.object({
  jobId: JobId,
  job: JobData,
  /** Numbers of releases: what is to run, and what goes back into its place if that fails. */
  target: z.int(),
  before: z.int(),
  heading: z.enum(['target', 'before']),
  /** How often somebody has begun to work on it. */
  starts: z.int(),
  /** How the job went until its changes began. */
  report: RunReport,
  /** What was to be done for the target to run, from what was there before anything was changed. */
  plan: z.custom<Plan>((value) => typeof value === 'object' && value !== null),
  /** The stack's files, as {@link Release.fingerprint} tells them. */
  fingerprint: z.string(),
  /** The containers that ran before, by their ids: all others are new. */
  containers: z.array(z.string()),
  /** Services that were broken before. */
  broken: z.array(z.string()),
  /** Whether every service has to be proven, not only those that are touched: what ran before was not. */
  proveAll: z.boolean(),
  /** Why the way back was taken. */
  fault: z.string().nullable(),
  /** Its job has ended without it: the engine was away. */
  told: z.boolean(),
})
export type Entry = z.infer<typeof Entry>

/** A stack's memory on its host. */
export const JournalFile = z.object({
  version: z.literal(1),
  /** The number of the next release. */
  next: z.int(),
  current: z.int().nullable(),
  /** Whether the last job ended without a proof that what runs is well. */
  unproven: z.boolean(),
  /** The number of the release that was seen to be well last. */
  proven: z.int().nullable().default(null),
  open: Entry.nullable(),
  /** Ends of jobs that Redis may not know of yet. */
  untold: z.array(z.object({ jobId: JobId, job: JobData, report: RunReport })),
  kept: z.array(KeptRelease),
  /** Ids of images that deploys have brought here. */
  pulled: z.array(z.string()),
  /** Digests by service that watching leaves alone: their deploy was rolled back. */
  rejected: z.record(z.string(), z.string()).default({}),
})
export type JournalFile = z.infer<typeof JournalFile>

/** Where a journal is kept: named texts, each replaced whole and durably or not at all. */
export interface JournalStore {
  read(name: string): string | null
  write(name: string, text: string): void
  remove(name: string): void
  /** Puts a text that cannot be read out of the way. */
  setAside(name: string): void
  names(): string[]
}

/** What is stored comes from a later release of Deployer: it is left alone. */
export class JournalTooNew extends Error {}

/** The name of the one text that changes. */
const JOURNAL = 'journal.json'

/** A journal as it is stored, for whoever does not have the stack's lock; `null` where it cannot be read. */
export function peekJournal(store: JournalStore): JournalFile | null {
  try {
    return JournalFile.parse(JSON.parse(store.read(JOURNAL) ?? ''))
  } catch {
    return null
  }
}

/** What a stack was made to run last, for whoever does not have its lock; `null` where that is not known. */
export function peekCurrent(store: JournalStore): Release | null {
  const current = peekJournal(store)?.current ?? null
  try {
    return current === null ? null : Release.parse(JSON.parse(store.read(`${current}.json`) ?? ''))
  } catch {
    return null
  }
}

/** A stack's memory on its host; only to be used under the stack's lock. */
export class Journal {
  readonly #store: JournalStore
  readonly #onDamage: (what: string) => void
  #file: JournalFile

  /**
   * @param onDamage Told of what could not be read; it is kept under another name.
   * @throws {JournalTooNew}
   */
  constructor(store: JournalStore, onDamage: (what: string) => void) {
    this.#store = store
    this.#onDamage = onDamage
    const lost = () => ({
      version: 1 as const,
      next: this.#highestNumber() + 1,
      current: null,
      unproven: false,
      proven: null,
      open: null,
      untold: [],
      kept: [],
      pulled: [],
      rejected: {},
    })
    this.#file = this.#parse(JOURNAL, JournalFile) ?? lost()
  }

  /** What is known; not to be changed. */
  get file(): Readonly<JournalFile> {
    return this.#file
  }

  /** A kept release; `null` when it is kept no more. */
  release(number: number): Release | null {
    return this.#parse(`${number}.json`, Release)
  }

  /** What was made to run last. */
  current(): Release | null {
    return this.#file.current === null ? null : this.release(this.#file.current)
  }

  /** The kept releases, the newest first. */
  releases(): { release: Release; verified: boolean }[] {
    return this.#file.kept
      .flatMap(({ number, verified }) => {
        const release = this.release(number)
        return release ? [{ release, verified }] : []
      })
      .sort((a, b) => b.release.number - a.release.number)
  }

  /** What is to run again after a job that left the stack half made. */
  lastProven(): Release | null {
    const { proven } = this.#file
    const last = proven === null ? null : this.release(proven)
    return last ?? this.releases().find(({ verified }) => verified)?.release ?? null
  }

  isVerified(number: number): boolean {
    return this.#file.kept.some((kept) => kept.number === number && kept.verified)
  }

  /** Keeps a release, unless it is what is known to run. @returns It, with its number. */
  save(release: Omit<Release, 'number'>, proven = false): Release {
    const verified = proven && isAllUp(release)
    const current = this.current()
    if (current && isSameRelease(current, { ...release, number: current.number })) {
      if (verified && !this.isVerified(current.number)) this.#keep(current.number, true)
      return this.replaceHashes(withHashesOf(current, release))
    }
    const numbered: Release = { ...release, number: this.#file.next }
    this.#store.write(`${numbered.number}.json`, JSON.stringify(numbered))
    this.#write({ ...this.#file, next: numbered.number + 1, kept: [...this.#file.kept, { number: numbered.number, verified }] })
    return numbered
  }

  /** Keeps what composes call the definitions of a release, which says nothing about what it is. */
  replaceHashes(release: Release): Release {
    const text = JSON.stringify(release)
    if (text !== this.#store.read(`${release.number}.json`)) this.#store.write(`${release.number}.json`, text)
    return release
  }

  #keep(number: number, verified: boolean): void {
    this.#write({ ...this.#file, kept: [...this.#file.kept.filter((kept) => kept.number !== number), { number, verified }] })
  }

  /** What runs, without a job of ours. */
  observe(current: number): void {
    const proven = this.isVerified(current) && !this.#file.unproven ? current : this.#file.proven
    if (this.#file.current !== current || this.#file.proven !== proven) this.#write({ ...this.#file, current, proven })
  }

  /** The point of no return: from here on the stack ends in the target or in the release before, whoever dies. */
  begin(entry: Entry): void {
    this.#write({ ...this.#file, open: entry })
  }

  /** A start, or a turn back. */
  update(change: Partial<Entry>): Entry {
    const { open } = this.#file
    if (!open) throw new Error('nothing is open in this journal')
    const entry = { ...open, ...change }
    this.#write({ ...this.#file, open: entry })
    return entry
  }

  /**
   * Ends what is open.
   *
   * @param current The number of the release that runs now.
   * @param proven Whether it was seen to be well.
   * @param keep How many verified releases are kept.
   * @param rejected See {@link JournalFile}.
   */
  close(report: RunReport, current: number, proven: boolean, keep: number, rejected = this.#file.rejected): void {
    const { open } = this.#file
    if (!open) throw new Error('nothing is open in this journal')
    const release = this.release(current)
    const verified = proven && release !== null && isAllUp(release)
    const kept = this.#file.kept.map((one) => (one.number === current && verified ? { ...one, verified } : one))
    const newest = kept
      .filter(({ verified }) => verified)
      .map(({ number }) => number)
      .sort((a, b) => b - a)
      .slice(0, keep)
    const wellLast = proven ? current : this.#file.proven
    const stay = kept.filter(({ number }) => newest.includes(number) || number === current || number === wellLast)
    // Also where the job's own end was told without it: whoever watches is still to hear how it went on.
    const untold = [...this.#file.untold.filter(({ jobId }) => jobId !== open.jobId), { jobId: open.jobId, job: open.job, report }]
    this.#write({ ...this.#file, current, unproven: !proven, proven: wellLast, open: null, untold, kept: stay, rejected })
    for (const name of this.#store.names()) {
      const number = Number(/^(\d+)\.json$/.exec(name)?.[1] ?? Number.NaN)
      if (!Number.isNaN(number) && !stay.some((one) => one.number === number)) this.#store.remove(name)
    }
  }

  /** A job ends although what it began is still open. */
  tellUnfinished(report: RunReport): void {
    const { open } = this.#file
    if (!open) throw new Error('nothing is open in this journal')
    const untold = open.told ? this.#file.untold : [...this.#file.untold, { jobId: open.jobId, job: open.job, report }]
    this.#write({ ...this.#file, open: { ...open, starts: 0, told: true }, untold })
  }

  /** Redis knows the end of a job. */
  told(jobId: string): void {
    const untold = this.#file.untold.filter((one) => one.jobId !== jobId)
    if (untold.length < this.#file.untold.length) this.#write({ ...this.#file, untold })
  }

  /** Remembers images that a deploy has brought here, and forgets those that have gone. */
  setPulled(ids: string[]): void {
    if (JSON.stringify(ids) !== JSON.stringify(this.#file.pulled)) this.#write({ ...this.#file, pulled: ids })
  }

  #write(file: JournalFile): void {
    this.#store.write(JOURNAL, JSON.stringify(file))
    this.#file = file
  }

  #highestNumber(): number {
    const numbers = this.#store.names().map((name) => Number(/^(\d+)\.json/.exec(name)?.[1] ?? 0))
    return Math.max(0, ...numbers)
  }

  #parse<T extends z.ZodType>(name: string, schema: T): z.infer<T> | null {
    const text = this.#store.read(name)
    if (text === null) return null
    try {
      const json: unknown = JSON.parse(text)
      const version = z.object({ version: z.number() }).safeParse(json).data?.version
      if (version !== undefined && version > 1) throw new JournalTooNew(`${name} was written by a later release of Deployer`)
      return schema.parse(json)
    } catch (error) {
      if (error instanceof JournalTooNew) throw error
      this.#store.setAside(name)
      this.#onDamage(name)
      return null
    }
  }
}

/** A release that also knows the hashes of another one that is the same, and what the files say from which that one was made. */
function withHashesOf(release: Release, other: Omit<Release, 'number'>): Release {
  const services = Object.entries(release.services).map(([service, one]) => {
    const more = other.services[service]?.hashes ?? []
    return [service, { ...one, hashes: one.hashes && [...new Set([...one.hashes, ...more])] }]
  })
  const contents = other.contents ?? release.contents
  return { ...release, ...(contents && { contents }), services: Object.fromEntries(services) as Release['services'] }
}

/** Of a service that is stopped in a release nobody has seen that it runs: that release is gone back to only where somebody picks it. */
function isAllUp({ services }: Pick<Release, 'services'>): boolean {
  return Object.values(services).every(({ stopped }) => !stopped)
}
