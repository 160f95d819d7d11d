/** What can happen to a process between two things that it does. */
export type Fault =
  /** It is ended, with what it has started. */
  | 'death'
  /** It is ended; its compose goes on until somebody else takes the lock. */
  | 'death, compose goes on'
  /** The same, and somebody has locked the stack's folder when the next start wants to. */
  | 'death, folder locked'
  /** Its next write to the disk fails. */
  | 'disk full'
  /** Its job's lock in Redis is lost, and it is told so. */
  | 'lock lost'
  /** The engine does not answer for some seconds, and what runs goes on. */
  | 'engine away'
  /** The same for longer than any step may take. */
  | 'engine stays away'
  /** The engine ends with all of its containers, and starts those again that are to be. */
  | 'engine restarts'
  /** Its compose is killed. */
  | 'compose killed'
  /** Redis does not answer for some seconds. */
  | 'redis away'
  /** Redis comes back empty. */
  | 'redis empty'

/** A fault at a point: the points of a run are numbered in their order. */
export interface Stroke {
  at: number
  fault: Fault
  /** Milliseconds until the job's next start. */
  pause: number
}

/** A process of ours. A dead one does nothing any more: what it has asked for is never answered. */
export interface Process {
  name: string
  dead: boolean
}

/** Thrown where a dead process cannot be left waiting. */
export class Death extends Error {
  override readonly name = 'Death'
}

/** A promise that is not kept; a new one for each who waits, since it keeps them in memory. */
export const never = () => new Promise<never>(() => undefined)

/** Counts the points of a run, and strikes at those that it is told to strike at. */
export interface Fate {
  points(): number
  /** Passes a point. */
  pass(process: Process, point: string): void
  /** What has happened. */
  lines: string[]
  say(line: string): void
}

export function createFate(
  strokes: Stroke[],
  strike: (stroke: Stroke, process: Process) => void,
  now: () => number,
  keepLines: boolean,
): Fate {
  let points = 0
  const lines: string[] = []
  const say = (line: string) => {
    if (keepLines) lines.push(`${(now() / 1000).toFixed(3)} ${line}`)
  }
  return {
    lines,
    say,
    points: () => points,
    pass(process, point) {
      if (process.dead) return
      const at = points++
      const struck = strokes.filter((stroke) => stroke.at === at)
      if (keepLines) say(`${process.name} #${at} ${point}${struck.map(({ fault }) => ` *** ${fault}`).join('')}`)
      for (const stroke of struck) strike(stroke, process)
    },
  }
}

/** Calls that change nothing: what ends a process after one of them might as well end it before its next call. */
const READS = ['listContainers', 'inspect', 'image', 'listNames', 'ping', 'spec', 'findHelper', 'lastLogLines', 'watch', 'waitFor']

/** A port as one process has it: there is a point before each call, and one after it. */
export function watched<T extends object>(port: T, fate: Fate, process: Process): T {
  const calls = Object.entries(port).map(([name, call]) => {
    const watchedCall = async (...args: unknown[]) => {
      if (process.dead) return never()
      fate.pass(process, `before ${name}`)
      if (process.dead) return never()
      try {
        const answer: unknown = await (call as (...args: unknown[]) => unknown)(...args)
        if (!READS.includes(name)) fate.pass(process, `after ${name}`)
        if (process.dead) return never()
        return answer
      } catch (error) {
        if (process.dead) return never()
        throw error
      }
    }
    return [name, watchedCall]
  })
  return Object.fromEntries(calls) as T
}
