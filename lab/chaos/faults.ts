import { setTimeout as delay } from 'node:timers/promises'
import { composeProcesses } from '../compose-watch.ts'
import type { Random } from '../random.ts'
import type { LabRedis } from '../redis.ts'
import type { Service } from '../service.ts'

/** What can be done to a running system. */
export const FAULTS = ['kill worker', 'kill worker and its compose', 'kill API', 'kill Redis', 'kill compose', 'freeze worker'] as const
export type Fault = (typeof FAULTS)[number]

/** The system that faults are put into; the services are replaced as they are killed. */
export interface System {
  redis: LabRedis
  api: Service
  workers: Service[]
  dirs: string[]
  startApi(): Promise<Service>
  startWorker(): Promise<Service>
}

/**
 * Puts one fault in, and brings what it killed back after a random while.
 *
 * @param index Which worker it is for; two faults at the same time must not be for the same one.
 * @returns Whether there was anything to do it to.
 */
export async function putIn(fault: Fault, index: number, system: System, random: Random): Promise<boolean> {
  const worker = system.workers[index]
  const pause = random.below(1500)
  if (!worker) return false
  switch (fault) {
    case 'kill worker':
    case 'kill worker and its compose': {
      const children = fault === 'kill worker' ? [] : composeProcesses(...system.dirs)
      await worker.stop('SIGKILL')
      for (const pid of children) kill(pid)
      await delay(pause)
      system.workers[index] = await system.startWorker()
      return true
    }
    case 'kill API':
      await system.api.stop('SIGKILL')
      await delay(pause)
      system.api = await system.startApi()
      return true
    case 'kill Redis':
      await system.redis.stop('SIGKILL')
      await delay(pause)
      await system.redis.start()
      return true
    case 'kill compose': {
      const pid = composeProcesses(...system.dirs)[0]
      if (pid !== undefined) kill(pid)
      return pid !== undefined
    }
    case 'freeze worker':
      worker.process.kill('SIGSTOP')
      // Longer than the job's lock lasts, sometimes: the other worker takes the job meanwhile.
      await delay(random.chance(0.5) ? 9000 : pause)
      worker.process.kill('SIGCONT')
      return true
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}
