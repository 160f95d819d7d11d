import { EngineAway, type Clock, type Engine, type PatientEngine } from '../ports.ts'

/** An engine that is away is asked again this often, in milliseconds. */
const RETRY = 250

/** Calls that have to tell at once when the engine goes. */
const IMPATIENT = new Set<string>(['watch', 'waitFor'])

/**
 * The same engine, for those who can wait: a call that finds it away is made again until it answers or the call's signal is aborted.
 * Everything that a deploy asks of the engine can be asked twice.
 */
export function createPatientEngine(engine: Engine, clock: Clock): PatientEngine {
  let outages = 0
  const counted =
    (call: (...args: unknown[]) => Promise<unknown>) =>
    (...args: unknown[]) =>
      call(...args).catch((error: unknown) => {
        if (error instanceof EngineAway) outages++
        throw error
      })
  const patient =
    (call: (...args: unknown[]) => Promise<unknown>) =>
    async (...args: unknown[]) => {
      const signal = args.find((arg) => arg instanceof AbortSignal)
      for (;;) {
        try {
          return await call(...args)
        } catch (error) {
          if (!(error instanceof EngineAway) || !signal) throw error
          if (signal.aborted) throw error
          await clock.wait(RETRY, signal).catch(() => {
            throw error
          })
        }
      }
    }
  const calls = Object.entries(engine).map(([name, call]) => [
    name,
    IMPATIENT.has(name) ? counted(call as never) : patient(counted(call as never)),
  ])
  return { ...(Object.fromEntries(calls) as Engine), outages: () => outages }
}
