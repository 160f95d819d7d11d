import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from '@deployer/shared/logger'
import type { DeployLimits, Tools } from '../converge/tools.ts'
import type { JournalStore } from '../journal/journal-file.ts'
import { Journal } from '../journal/journal.ts'
import type { LockStack } from '../lock/stack-lock.ts'
import type { RunReporter } from '../pipeline/report-run.ts'
import type { Clock, Compose, PatientEngine } from '../ports.ts'
import { Refusal } from '../refusal.ts'
import { readContents } from './contents.ts'
import { locateStack, type StacksRoot } from './locate-stack.ts'
import { fingerprint, lastChange } from './project-files.ts'
import { readDotEnv } from './project-name.ts'
import { stackSecrets } from './stack-secrets.ts'

/** The host, as far as stacks are worked on. */
export interface HostTools {
  engine: PatientEngine
  compose: Compose
  clock: Clock
  root: StacksRoot
  lockStack: LockStack
  limits: DeployLimits
  /** Where a stack's journal is kept. */
  journalStore: (stack: string) => JournalStore
  logger: Logger
}

/** A stack under its lock. */
export interface OpenStack {
  journal: Journal
  /** What a run in this stack works with. */
  tools(reporter: RunReporter): Tools
  /** Gives the lock back; may be called twice. */
  release(): Promise<void>
}

/**
 * Takes a stack's lock and opens its journal.
 *
 * @param say Told who has the lock, while it is waited for; `null`: it is not waited for.
 * @throws {Refusal} when the folder is not one to work in; the signal's reason.
 */
export async function openStack(
  host: HostTools,
  stack: string,
  signal: AbortSignal,
  say: ((line: string) => void) | null,
): Promise<OpenStack> {
  const { root, lockStack, journalStore, logger } = host
  if (!existsSync(join(root.here, stack))) {
    throw new Refusal('step_failed', `The folder of "${stack}" has been removed from ${root.here}. Nothing was done.`)
  }
  const paths = locateStack(root, stack)
  const lock = await lockStack(paths, signal, say)
  try {
    const journal = new Journal(journalStore(stack), (what) =>
      logger.error({ event: 'journal_damaged', stack, file: what }, 'what was kept of this stack cannot be read; it was put aside'),
    )
    return {
      journal,
      release: () => lock.release(),
      tools(reporter) {
        const { engine, compose, clock, limits } = host
        const hide: Tools['hide'] = (definition) => reporter.hide(stackSecrets(stack, readDotEnv(paths.dir), definition))
        reporter.hide(stackSecrets(stack, readDotEnv(paths.dir), null))
        const common = { engine, compose, clock, limits, paths, lockFd: lock.fd }
        return {
          ...common,
          steps: reporter,
          hide,
          fingerprint: (files) => fingerprint(paths, files),
          contents: (files) => readContents(paths, files).contents,
          lastChange: (files) => lastChange(paths, files),
        }
      },
    }
  } catch (error) {
    await lock.release()
    throw error
  }
}
