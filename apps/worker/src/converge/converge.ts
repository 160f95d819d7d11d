import type { Container } from '../ports.ts'
import { compare, holds, isBroken, unlike, type Plan } from '../release/compare.ts'
import { restartedWith } from '../release/dependents.ts'
import { replicas, type Release } from '../release/release.ts'
import type { StepContext, StepEnd } from '../steps/step.ts'
import { fromFiles, fromKept } from './compose-args.ts'
import { clearLeftovers } from './leftovers.ts'
import { nameImages } from './name-images.ts'
import { logLastLines } from './prove.ts'
import { pullWithCompose } from './pull-missing.ts'
import { groupByNames } from './rounds-of-names.ts'
import type { Tools } from './tools.ts'
import { watchUp } from './watch-up.ts'

/** How often `up` is run before what it cannot do is believed. */
const MOST_ROUNDS = 3

/** What a stack is led to, and how. */
export interface Course {
  release: Release
  /** To what somebody wants, or back to what ran before. */
  heading: 'target' | 'before'
  /** The services of the release that this one replaces: those that this one does not have are removed. Others are nobody's business here. */
  replaces: string[]
  /** Whether the stack's own files say what the release does, as far as can be told. */
  files: boolean
}

/** The containers of a course's project that it is about. */
export async function observe({ engine }: Tools, { release, replaces }: Course, signal: AbortSignal): Promise<Container[]> {
  const all = await engine.listContainers(signal, release.project)
  return all.filter(({ service }) => service in release.services || replaces.includes(service))
}

/**
 * Makes a release run: clears leftovers away, gives images their names, removes what the release does not have, and runs `up`, until what runs
 * is what is wanted. What compose does not see to the end (it was killed, the engine went away) is done again; so this can be begun again by
 * another process at any point.
 *
 * To the target `up` is run as an operator would, for every service. On the way back it is run for those services alone that are not as they
 * were, so that nothing else is restarted, and for those that cannot be told: compose leaves what is right.
 */
export async function converge(tools: Tools, course: Course, context: StepContext): Promise<StepEnd> {
  const { engine } = tools
  const { release, heading } = course
  let round = 1
  let again = false
  for (;;) {
    const plan = compare(release, await clearLeftovers(engine, await observe(tools, course, context.signal), context))
    const untold = heading === 'before' && round === 1 ? untellable(release) : []
    const wrong = [...new Set([...unlike(release, plan), ...untold])]
    // What ended otherwise than well may have been ended with its compose, or its engine.
    if (again && Object.values(plan).every((one) => holds(one) && !one.containers.some(isBroken))) return { how: 'exited', code: 0 }
    if (heading === 'before' && wrong.length === 0) return { how: 'proved' }
    // Left out, they would not be started again with what they depend on.
    const restarted = restartedWith(release.definition, new Set(wrong)).filter((service) => service in release.services)
    const outages = engine.outages()
    let last = ''
    const log = (line: string) => context.log((last = line))
    const end = await makeRun(tools, { ...course, files: course.files && round === 1 }, plan, [...new Set([...wrong, ...restarted])], {
      ...context,
      log,
    })
    if (end.how === 'disproved' || (end.how === 'exited' && end.code !== 0)) await tellBroken(tools, course, plan, context, last)
    if (end.how === 'engine_away') {
      context.log(`the Docker Engine went away (${end.cause}); waiting for it`)
      await engine.ping(context.signal)
      again = false
      continue
    }
    if (end.how === 'killed') context.log('compose was killed from outside; it is started again')
    else if (end.how !== 'exited') return end
    else if (end.code === 0) {
      // A name that the engine had not let go yet when compose was killed is free by now.
      const now = compare(release, await clearLeftovers(engine, await observe(tools, course, context.signal), context))
      if (engine.outages() !== outages) {
        context.log('the Docker Engine was away meanwhile; looking again')
        again = false
        continue
      }
      const unmet = Object.entries(now).find(([, service]) => !holds(service))
      if (!unmet) return end
      if (round === MOST_ROUNDS) return { how: 'disproved', says: sayUnmet(release, unmet[0], now) }
      context.log(`${unmet[0]} is not yet as it has to be`)
    } else if (heading === 'target' && round === 1) return end
    if (round === MOST_ROUNDS) return end
    round++
    again = true
  }
}

/**
 * What those said last that `up` has started in vain: compose tells of them only that they failed, and the way back removes them.
 *
 * @param last What compose said last: why it failed. It is said again, since the end of a tail is what is kept and sent.
 */
async function tellBroken(tools: Tools, course: Course, before: Plan, context: StepContext, last: string): Promise<void> {
  const untouched = Object.values(before).filter(({ action }) => action === 'keep')
  const known = new Set(untouched.flatMap(({ containers }) => containers.filter(isBroken).map(({ id }) => id)))
  const broken = (await observe(tools, course, context.signal)).filter((one) => isBroken(one) && !known.has(one.id))
  for (const container of broken) await logLastLines(tools, container, context)
  if (broken.length > 0 && last) context.log(last)
}

/** Services whose definition cannot be told from their containers. */
function untellable({ services }: Release): string[] {
  return Object.entries(services).flatMap(([service, { hashes, stopped }]) => (hashes === null && !stopped ? [service] : []))
}

/** One round: what the release does not have goes, and `up` is run in as many groups as it takes. */
async function makeRun(
  tools: Tools,
  { release, heading, files }: Course,
  plan: Plan,
  wrong: string[],
  context: StepContext,
): Promise<StepEnd> {
  const { engine, compose, paths, lockFd } = tools
  const { signal } = context
  for (const [service, { action, containers }] of Object.entries(plan)) {
    if (action === 'remove') await removeAll(tools, containers, context)
    if (action === 'stop') {
      await Promise.all(containers.map(({ id }) => engine.stopContainer(id, signal)))
      context.log(`${service} is stopped again`)
    }
  }
  const ours = wrong.filter((service) => service in release.services)
  const isStopped = (service: string) => release.services[service]?.stopped === true
  const all = Object.keys(release.services)
  // With a service that is to be stopped `up` is only run for what it takes: it would start that one again.
  const everything = heading === 'target' && !all.some(isStopped)
  const able = ours.filter((service) => !isStopped(service))
  // Stopped, and on the image that it had: whoever starts it gets what was there.
  const halted = ours.filter((service) => isStopped(service) && plan[service]?.action === 'recreate')
  const grouped = everything ? [all] : [able, halted].filter((some) => some.length > 0)
  let end: StepEnd = { how: 'exited', code: 0 }
  const groups = grouped.flatMap((services) => groupByNames(release, services))
  for (const group of groups) {
    const named = Object.entries(release.services).filter(([service]) => group.includes(service) || !isElsewhere(release, service))
    await nameImages(engine, Object.fromEntries(named), pullWithCompose(tools), context)
    const { args, ...input } = files && tools.fingerprint(release) === release.fingerprint ? fromFiles(release) : fromKept(release)
    const [first = ''] = group
    // What another service needs may run another image under the same name, and stays on it.
    const alone = everything && isElsewhere(release, first) ? ['--no-deps'] : []
    const services = everything && groups.length === 1 ? [] : [...alone, ...scales(release, group), ...group]
    const how = halted.includes(first) ? ['--no-start', '--no-deps'] : ['-d']
    const up = (stop: AbortSignal) =>
      compose.run(paths, [...args, 'up', ...how, '--pull', 'never', '--no-build', ...services], {
        ...input,
        signal: stop,
        onLine: context.log,
        lockFd,
      })
    end = await watchUp(tools, release, context, up)
    if (end.how !== 'exited' || end.code !== 0) return end
  }
  return end
}

/** What to tell compose of services of which there were more or fewer than their definition says. */
function scales(release: Release, services: string[]): string[] {
  return services.flatMap((service) => {
    const definition = release.definition.services[service]
    const count = release.services[service]?.count ?? 1
    return definition && replicas(definition) !== count ? ['--scale', `${service}=${count}`] : []
  })
}

/** Whether another service of the release runs another image under the same name. */
function isElsewhere(release: Release, service: string): boolean {
  const own = release.services[service]
  return Object.values(release.services).some(({ image, imageId }) => image === own?.image && imageId !== own.imageId)
}

async function removeAll({ engine }: Tools, containers: Container[], context: StepContext): Promise<void> {
  for (const { id, name } of containers) {
    await engine.stopContainer(id, context.signal)
    await engine.removeContainer(id, context.signal)
    context.log(`${name} removed: the compose file has no such service`)
  }
}

function sayUnmet(release: Release, service: string, plan: Plan): string {
  const { action, why, containers } = plan[service] ?? { action: 'keep', why: null, containers: [] }
  if (why === 'image') {
    return `wrong image: ${service} runs ${containers.map(({ imageId }) => imageId.slice(0, 19)).join(', ')} and not ${release.services[service]?.imageId.slice(0, 19)}`
  }
  return `${service} did not come to be what it has to be (${action}${why ? `, ${why}` : ''})`
}
