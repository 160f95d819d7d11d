import { z } from 'zod'
import { JobData } from '@deployer/shared/job-data'
import { RunReport } from '@deployer/shared/job'
import { JobId } from '@deployer/shared/names'
import type { Plan } from '../release/compare.ts'
import { Release } from '../release/release.ts'

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

/** A stack's memory on its host, as it is written. */
const StoredJournal = z.object({
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
  /** The names that they came under, by id. */
  pulledAs: z.record(z.string(), z.string()).default({}),
  /** Of what is rejected the last digest by service, which is all that an older worker knows of it, and those before it, the oldest first. */
  rejected: z.record(z.string(), z.string()).default({}),
  rejectedBefore: z.record(z.string(), z.array(z.string())).default({}),
})

/** A stack's memory on its host. */
export const JournalFile = StoredJournal.transform(({ rejectedBefore, rejected, ...file }) => ({
  ...file,
  rejected: mapRejected(rejected, (last, service): string[] => [...(rejectedBefore[service] ?? []), last]),
}))
export type JournalFile = z.infer<typeof JournalFile>

/** The text of a journal. */
export function journalText({ rejected, ...file }: JournalFile): string {
  const some = Object.fromEntries(Object.entries(rejected).filter(([, digests]) => digests.length > 0))
  return JSON.stringify({
    ...file,
    rejected: mapRejected(some, (digests) => digests.at(-1) ?? ''),
    rejectedBefore: mapRejected(some, (digests) => digests.slice(0, -1)),
  } satisfies z.input<typeof StoredJournal>)
}

function mapRejected<From, To>(byService: Record<string, From>, map: (of: From, service: string) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(byService).map(([service, of]) => [service, map(of, service)]))
}

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
export const JOURNAL = 'journal.json'

/** A journal as it is stored, for whoever does not have the stack's lock; `null` where it cannot be read. */
export function peekJournal(store: JournalStore): JournalFile | null {
  try {
    return JournalFile.parse(JSON.parse(store.read(JOURNAL) ?? ''))
  } catch {
    return null
  }
}

/** What a stack was made to run last, for whoever does not have its lock; `null` where that is not known. */
export function peekCurrent(store: JournalStore, file = peekJournal(store)): Release | null {
  const current = file?.current ?? null
  try {
    return current === null ? null : Release.parse(JSON.parse(store.read(`${current}.json`) ?? ''))
  } catch {
    return null
  }
}
