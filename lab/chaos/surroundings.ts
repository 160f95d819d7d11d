import { setTimeout as delay } from 'node:timers/promises'
import { composeProcesses } from '../compose-watch.ts'
import type { OwnEngine } from '../own-engine.ts'
import type { LabRegistry } from '../registry.ts'
import { signalProcess } from '../signal-process.ts'
import { awhile, type Fault } from './fault.ts'

/** Longer than the engine may take to answer a ping, and than any job's lock lasts. */
const FROZEN = 35_000

/** What can happen to that which Deployer works with. @param engine `null`: one that others are on, too. */
export function surroundings(dirs: string[], registry: LabRegistry, engine: OwnEngine | null): Fault[] {
  const compose: Fault = {
    name: 'kill compose',
    at: 'compose',
    // A compose that is killed over and over is a step that failed.
    excuses: 'failure',
    async putIn() {
      const [pid] = composeProcesses(...dirs)
      if (pid !== undefined) signalProcess(pid, 'SIGKILL')
      return pid !== undefined
    },
  }
  const away: Fault = {
    name: 'registry away',
    at: 'registry',
    excuses: 'failure',
    async putIn({ random }) {
      registry.signal('SIGSTOP')
      await delay(awhile(random))
      registry.signal('SIGCONT')
      return true
    },
  }
  if (!engine) return [compose, away]
  const engineFault = (name: string, putIn: (pause: number) => Promise<void>): Fault => ({
    name,
    at: 'engine',
    excuses: 'failure',
    async putIn({ random }) {
      await putIn(random.below(3000))
      return true
    },
  })
  return [
    compose,
    away,
    engineFault('restart engine', (pause) => engine.restart('SIGTERM', pause)),
    engineFault('kill engine', (pause) => engine.restart('SIGKILL', pause)),
    engineFault('freeze engine', () => engine.freeze(FROZEN)),
  ]
}
