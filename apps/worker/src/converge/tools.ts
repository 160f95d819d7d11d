import type { Clock, Compose, PatientEngine, StackPaths } from '../ports.ts'
import type { Release } from '../release/release.ts'
import type { StepRunner } from '../steps/step.ts'

/** Seconds that steps may take, and what may be done. */
export interface DeployLimits {
  statusTimeout: number
  configTimeout: number
  pullTimeout: number
  upTimeout: number
  /** 0 skips `verify`. */
  healthTimeout: number
  /** How long a service without a health check has to run without a restart. */
  steadyTime: number
  rollback: boolean
  /** Verified releases that are kept. */
  keepReleases: number
  /** Bytes; 0: whatever there is. */
  minFreeDisk: number
}

/** All that a stack's deploy works with; it knows neither HTTP nor queue. */
export interface Tools {
  engine: PatientEngine
  compose: Compose
  clock: Clock
  paths: StackPaths
  /** The open file whose kernel lock every process inherits. */
  lockFd: number
  limits: DeployLimits
  steps: StepRunner
  /** What {@link Release.fingerprint} would be now. */
  fingerprint: (release: Pick<Release, 'projectDir' | 'files' | 'envFiles'>) => string
  /** What {@link Release.contents} would be now. */
  contents: (release: Pick<Release, 'projectDir' | 'files' | 'envFiles'>) => Record<string, string>
  /** When one of the files that a definition is read from changed last, in milliseconds since 1970; `null` where not all of them are known. */
  lastChange: (release: Pick<Release, 'projectDir' | 'files' | 'envFiles'>) => number | null
  /** Called as soon as a definition is known whose secrets no output may show. */
  hide: (definition: Release['definition']) => void
}
