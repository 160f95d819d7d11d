import { converge, observe, type Course } from '../converge/converge.ts'
import { findBroken } from '../converge/find-broken.ts'
import { steadyMilliseconds } from '../converge/patience.ts'
import { prove } from '../converge/prove.ts'
import type { Tools } from '../converge/tools.ts'
import type { Container } from '../ports.ts'
import { compare, holds, isBroken } from '../release/compare.ts'
import { restartedWith } from '../release/dependents.ts'
import type { Release } from '../release/release.ts'
import { isOk, type StepContext, type StepEnd } from './step.ts'

/** What was there before, for telling what is new. */
export interface Touched {
  /** The containers that ran before. */
  containers: string[]
  /** Services that were broken before. */
  broken: string[]
  proveAll: boolean
}

/** @returns Also which services are broken that were so before, and that the job did not touch; and the containers that it saw last. */
export async function verify(
  tools: Tools,
  course: Course,
  touched: Touched,
  context: StepContext,
): Promise<StepEnd & { degraded: string[]; seen: Container[] }> {
  const { release } = course
  for (;;) {
    const outages = tools.engine.outages()
    const containers = await observe(tools, course, context.signal)
    const unmet = Object.entries(compare(release, containers)).find(([, service]) => !holds(service))
    if (unmet)
      return {
        how: 'disproved',
        says: `wrong image: ${unmet[0]} is not what it has to be (${unmet[1].why ?? unmet[1].action})`,
        degraded: [],
        seen: containers,
      }
    const ours = containers.filter(({ service }) => release.services[service]?.stopped === false)
    const fresh = new Set(ours.filter(({ id }) => !touched.containers.includes(id)).map(({ id }) => id))
    const restarted = restartedWith(release.definition, new Set(ours.flatMap(({ id, service }) => (fresh.has(id) ? [service] : []))))
    const isTouched = ({ id, service, young }: Container) =>
      touched.proveAll || fresh.has(id) || (young && restarted.includes(service) && !touched.broken.includes(service))
    const toProve = ours.filter(isTouched)
    const proven = await prove(tools, release, toProve, fresh, context)
    const isProven = proven.how === 'proved'
    // Proving takes time, in which others may break.
    const seen = isProven && toProve.length > 0 ? await observe(tools, course, context.signal) : containers
    const judged = isProven ? await judgeUntouched(tools, course, seen, fresh, touched, context) : { ...proven, degraded: [] }
    // What an engine that restarts does to containers says nothing of them.
    const isInDoubt = judged.how === 'disproved' && tools.engine.outages() !== outages
    if (judged.how !== 'engine_away' && !isInDoubt) return { ...judged, seen }
    context.log(`the Docker Engine went away (${judged.how === 'disproved' ? judged.says : judged.cause}); waiting for it`)
    await tools.engine.ping(context.signal)
    const mended = await converge(tools, course, context)
    if (!isOk(mended)) return { ...mended, degraded: [], seen }
  }
}

/** What the job did not touch may be as broken as it was, and no worse. @param containers As they are now. */
async function judgeUntouched(
  tools: Tools,
  { release }: Course,
  containers: Container[],
  fresh: ReadonlySet<string>,
  touched: Touched,
  context: StepContext,
): Promise<StepEnd & { degraded: string[] }> {
  const { engine } = tools
  const untouched = containers.filter(({ id, service }) => service in release.services && !fresh.has(id))
  const broken = await findBroken(engine, untouched, context.signal)
  const wasBroken = ({ service }: Container) => touched.broken.includes(service)
  // What they need may just have been replaced under them: they get the time that the replaced ones had.
  const worse = broken.filter((one) => !wasBroken(one) && release.services[one.service]?.stopped === false)
  const proven = await prove(tools, release, worse, new Set(), context)
  if (proven.how === 'disproved') return { ...proven, says: `${proven.says}, although this deploy did not change it`, degraded: [] }
  if (proven.how !== 'proved') return { ...proven, degraded: [] }
  const still = await stillBroken(tools, release, untouched.filter(wasBroken), context)
  const degraded = [...new Set(still.map(({ service }) => service))].sort()
  for (const service of degraded) context.log(`${service} was broken before, and is still`)
  return { how: 'exited', code: 0, degraded }
}

/** Of containers that were broken: those that are so yet, or that do not run for as long as a good one has to. */
async function stillBroken(
  { engine, clock, limits }: Tools,
  release: Release,
  containers: Container[],
  { signal }: StepContext,
): Promise<Container[]> {
  const young = containers.filter((one) => one.young && !isBroken(one))
  const seen = await Promise.all(young.map(({ id }) => engine.inspect(id, signal)))
  const steady = young.map(({ service }) => steadyMilliseconds(release.definition.services[service], limits.steadyTime))
  if (young.length > 0) await clock.wait(Math.max(...steady), signal)
  const now = await Promise.all(young.map(({ id }) => engine.inspect(id, signal)))
  const isWell = (one: Container) => {
    const at = young.indexOf(one)
    if (at === -1) return !isBroken(one)
    const health = now[at]
    return health?.status === 'running' && health.startedAt === seen[at]?.startedAt && ['none', 'healthy'].includes(health.health)
  }
  return containers.filter((one) => !isWell(one))
}
