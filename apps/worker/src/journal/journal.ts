import { z } from 'zod'
import type { RunReport } from '@deployer/shared/job'
import { isSameRelease, Release } from '../release/release.ts'
import { JOURNAL, JournalFile, journalText, JournalTooNew, type Entry, type JournalStore } from './journal-file.ts'

const Versioned = z.object({ version: z.number() })

/** A stack's memory on its host; only to be used under the stack's lock. */
export class Journal {
  readonly #store: JournalStore
  readonly #onDamage: (what: string) => void
  /** Those that have been read: under the stack's lock nobody else writes them. */
  readonly #read = new Map<number, Release>()
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
      pulledAs: {},
      rejected: {},
    })
    this.#file = this.#parse(JOURNAL, JournalFile) ?? lost()
  }

  /** What is known; not to be changed. */
  get file(): Readonly<JournalFile> {
    return this.#file
  }

  /** A kept release, not to be changed; `null` when it is kept no more. */
  release(number: number): Release | null {
    const release = this.#read.get(number) ?? this.#parse(`${number}.json`, Release)
    if (release) this.#read.set(number, release)
    return release
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
    this.#writeRelease(numbered.number, JSON.stringify(numbered))
    this.#write({ ...this.#file, next: numbered.number + 1, kept: [...this.#file.kept, { number: numbered.number, verified }] })
    return numbered
  }

  /** Keeps what composes call the definitions of a release, which says nothing about what it is. */
  replaceHashes(release: Release): Release {
    const text = JSON.stringify(release)
    if (text !== this.#store.read(`${release.number}.json`)) this.#writeRelease(release.number, text)
    return release
  }

  #writeRelease(number: number, text: string): void {
    this.#read.delete(number)
    this.#store.write(`${number}.json`, text)
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
  begin(entry: Entry): Entry {
    this.#write({ ...this.#file, open: entry })
    return entry
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
      if (Number.isNaN(number) || stay.some((one) => one.number === number)) continue
      this.#read.delete(number)
      this.#store.remove(name)
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

  /** Remembers images that a deploy has brought here. @param names By id, the name that each came under. */
  addPulled(names: Record<string, string>): void {
    const { pulled, pulledAs } = this.#file
    const isNews = Object.entries(names).some(([id, name]) => pulledAs[id] !== name)
    if (isNews)
      this.#write({ ...this.#file, pulled: [...new Set([...pulled, ...Object.keys(names)])], pulledAs: { ...pulledAs, ...names } })
  }

  /** Forgets all images that deploys have brought here but these. */
  keepPulled(ids: string[]): void {
    const { pulled, pulledAs } = this.#file
    if (ids.length === pulled.length) return
    this.#write({ ...this.#file, pulled: ids, pulledAs: Object.fromEntries(Object.entries(pulledAs).filter(([id]) => ids.includes(id))) })
  }

  #write(file: JournalFile): void {
    this.#store.write(JOURNAL, journalText(file))
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
      const version = Versioned.safeParse(json).data?.version
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
