import { type Counter, COUNTERS_KEY } from '@deployer/shared/counters'
import type { Every } from '@deployer/shared/every'
import { updatesKey } from '@deployer/shared/updates'
import type { Engine } from '../ports.ts'
import { listStacks } from '../stacks/list-stacks.ts'
import type { StacksRoot } from '../stacks/locate-stack.ts'
import type { StepContext, StepEnd } from '../steps/step.ts'
import { askForLooks, type Asked } from './ask-for-looks.ts'
import { askedTooSoon } from './asked-too-soon.ts'
import { createTurns, type AskRegistry } from './ask-registries.ts'
import { describeLook } from './describe-look.ts'
import { lookAtStacks, narrow, withoutUnwanted, type StackLook } from './look-at-stacks.ts'
import { marksOf } from './marks-of.ts'
import type { ReadStacks } from './read-stack.ts'
import { AGAIN, settleStacks, type SettleTools } from './settle-stacks.ts'
import { tell } from './tell.ts'
import { createTicks, scheduleName } from './ticks.ts'
import { isWatched } from './wishes.ts'

/** Milliseconds between two looks at whether files have changed. */
const LOOK = 60_000
/** Milliseconds after the first of several changes until they are looked at. */
const BURST = 500

/** Looks for new images of this host's stacks. */
export interface Watch {
  /** Tells Redis when to look, now and whenever it has lost that. */
  sync(): Promise<void>
  /** Looks at one stack now: what a job with the action `check` does. @param services Those that are asked for; otherwise all. */
  check(stack: string, context: StepContext, services?: string[]): Promise<StepEnd>
  /** Makes known what is so after a deploy, without a question to any registry. */
  refresh(stack: string): Promise<void>
  /** A stack has come, or other containers of it run. */
  changed(stack: string): void
  stop(): Promise<void>
}

/** What watching works with. */
export interface WatchTools extends SettleTools {
  engine: Engine
  root: StacksRoot
  stacks: ReadStacks
  /** How registries are asked in one round. */
  newRound: () => AskRegistry
  stopping: AbortSignal
}

export function createWatch(tools: WatchTools): Watch {
  const { redis, logger, clock, host, root, memory, wishes, stopping } = tools
  const { zone } = wishes
  const ticks = createTicks({ redis, host, zone, logger, stopping }, { round, wake })
  const turns = createTurns()
  let marks = new Map<string, string>()

  /** Asks registries about what was looked at, and decides. @param services Those that are asked for; otherwise all. */
  async function ask(looks: StackLook[], signal: AbortSignal, services?: string[]) {
    const asked = looks.map((look) => narrow(look, services))
    const { local, counts } = await askForLooks({ memory, clock, ask: tools.newRound(), turns }, asked, signal)
    for (const image of local) logger.info({ event: 'image_local', image }, 'this image has no registry, so it is not watched')
    await countQuestions(counts).catch(unlessStopping)
    const found = await settleStacks(tools, looks, { checked: services === undefined, deploys: true })
    await planWake()
    return found
  }

  async function countQuestions(counts: Asked['counts']): Promise<void> {
    const raised = redis.multi()
    for (const [registry, { answered, failed }] of counts) {
      raised.hincrby(COUNTERS_KEY, JSON.stringify(['questions', host, registry, 'answered'] satisfies Counter), answered)
      raised.hincrby(COUNTERS_KEY, JSON.stringify(['questions', host, registry, 'failed'] satisfies Counter), failed)
    }
    await raised.exec()
  }

  /** Every stack that a schedule is about. */
  async function round(schedule: string): Promise<void> {
    const began = clock.now()
    const say = (phase: 'start' | 'end', problem: string | null) =>
      tell(redis, { kind: 'round', at: clock.timestamp(), host, phase, problem })
    logger.info({ event: 'watch_round_started', schedule }, 'looking for new images')
    await say('start', null)
    let problem: string | null = null
    try {
      const names = await listStacks(root.here)
      await forgetOthers(names)
      const looks = (await lookAtStacks(tools, names, false, stopping)).filter((look) => scheduleOf(look) === schedule)
      const found = [...(await ask(looks, stopping))]
      const images = new Set(looks.flatMap(({ sightings }) => sightings.map(({ image }) => image))).size
      const unknown = found.flatMap(([stack, updates]) =>
        updates.flatMap((one) => (one.state === 'unknown' ? [`${stack}/${one.service}`] : [])),
      )
      if (unknown.length > 0) problem = `nothing is known of the images of ${unknown.join(', ')}`
      const counts = { stacks: looks.length, images, unknown: unknown.length, duration_ms: Math.round(clock.now() - began) }
      logger.info({ event: 'watch_round', schedule, ...counts }, 'that is what there is of new images')
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error)
      throw error
    } finally {
      if (!stopping.aborted) await say('end', problem)
    }
  }

  /** Decides anew about stacks of which time alone has changed something, and about those that somebody has held or released. */
  async function wake(stacks: string[]): Promise<void> {
    try {
      await decideAnew([...dueStacks(), ...stacks], true)
    } finally {
      await planWake()
    }
  }

  /**
   * Decides about stacks that are known by what is known, or what has to be asked for once more, and has deployed what may be.
   *
   * @param keep What a check on request has found of one that is not watched stays known.
   */
  async function decideAnew(some: string[], keep: boolean): Promise<void> {
    const { stacks } = memory.read()
    const names = [...new Set(some)].filter((name) => name in stacks)
    if (names.length === 0) return
    const looks = keep ? await lookAgain(names) : await lookAtStacks(tools, names, false, stopping)
    const unsure = askedTooSoon(looks, memory.read(), Date.parse(clock.timestamp()))
    if (unsure.length > 0) await ask(unsure, stopping)
    const sure = looks.filter((look) => !unsure.includes(look))
    if (sure.length > 0) await settleStacks(tools, sure, { checked: false, deploys: true })
    // One that cannot be looked at is left to the next round, or to who mends it.
    const unseen = names.filter((name) => !looks.some(({ stack }) => stack === name))
    if (unseen.length > 0) await memory.update((file) => unseen.forEach((name) => file.stacks[name] && (file.stacks[name].next = null)))
  }

  async function lookAgain(names: string[]): Promise<StackLook[]> {
    return (await lookAtStacks(tools, names, true, stopping)).map(withoutUnwanted)
  }

  function dueStacks(): string[] {
    const now = clock.timestamp()
    return Object.entries(memory.read().stacks).flatMap(([stack, { next }]) => (next !== null && next <= now ? [stack] : []))
  }

  async function planWake(): Promise<void> {
    const now = Date.parse(clock.timestamp())
    const moments = Object.values(memory.read().stacks).flatMap(({ next }) => (next === null ? [] : [Date.parse(next)]))
    // What is due and still there went wrong, or is about to be dealt with.
    const ahead = moments.map((at) => (at > now ? at : now + AGAIN))
    if (ahead.length > 0) await ticks.wakeAt(Math.min(...ahead), now)
  }

  /** Lets go of what is known of stacks that are no more. */
  async function forgetOthers(names: string[]): Promise<void> {
    const gone = (await redis.hkeys(updatesKey(host))).filter((stack) => !names.includes(stack))
    if (gone.length > 0) await redis.hdel(updatesKey(host), ...gone)
    const isGone = (stack: string) => !names.includes(stack)
    if (Object.keys(memory.read().stacks).some(isGone)) {
      await memory.update(({ stacks }) =>
        Object.keys(stacks)
          .filter(isGone)
          .forEach((stack) => delete stacks[stack]),
      )
    }
  }

  function scheduleOf(look: Pick<StackLook, 'wishes'>): string | null {
    return isWatched(look.wishes) ? scheduleName(look.wishes.every, zone) : null
  }

  async function sync(): Promise<void> {
    const names = await listStacks(root.here)
    // Which files a stack has is known once it has been read.
    if (marks.size === 0) await lookAtStacks(tools, names, false, stopping)
    marks = marksOf(tools, names)
    const schedules = new Map<string, Every>()
    const looks = await lookAtStacks(tools, names, false, stopping)
    for (const look of looks) {
      const name = scheduleOf(look)
      if (name !== null) schedules.set(name, look.wishes.every)
    }
    await ticks.sync(
      schedules,
      looks.some(({ wishes: own }) => isWatched(own)),
    )
    await heedSettings()
    // What Redis has lost, or was to be while all workers were away.
    if (dueStacks().length > 0) await ticks.wakeAt(0, 0)
    await planWake()
  }

  /** Where the host's settings are others than when it was decided last, all stacks are due. */
  async function heedSettings(): Promise<void> {
    const now = JSON.stringify(wishes)
    const known = memory.read()
    if (known.settings === now || Object.keys(known.stacks).length === 0) return
    await memory.update((file) => {
      file.settings = now
      for (const stack of Object.values(file.stacks)) stack.next = clock.timestamp()
    })
  }

  async function lookForChanges(): Promise<void> {
    if (redis.status !== 'ready') return
    const former = marks
    const now = marksOf(tools, await listStacks(root.here))
    const edited = [...new Set([...former.keys(), ...now.keys()])].filter((name) => former.get(name) !== now.get(name))
    if (edited.length === 0) return
    await sync()
    // What they want now may let something be deployed.
    const known = edited.filter((name) => former.has(name))
    await decideAnew(known, false)
    await planWake()
  }
  const unlessStopping = (error: unknown) => {
    if (!stopping.aborted) logger.warn({ event: 'watch_failed', err: error }, 'what stacks want to be watched could not be read')
  }
  const timer = setInterval(() => void lookForChanges().catch(unlessStopping), LOOK)

  async function refresh(stacks: string[]): Promise<void> {
    if (redis.status !== 'ready' || stacks.length === 0) return
    const published = await redis.hmget(updatesKey(host), ...stacks)
    const known = stacks.filter((_, at) => published[at] !== null)
    if (known.length === 0) return
    await settleStacks(tools, await lookAgain(known), { checked: false, deploys: false })
    await planWake()
  }

  /** Changes come in bursts. */
  const changed = new Set<string>()
  let soon: NodeJS.Timeout | undefined
  async function workOnChanged(): Promise<void> {
    soon = undefined
    const stacks = [...changed]
    changed.clear()
    await lookForChanges()
    await refresh(stacks)
  }

  return {
    sync: () => sync().catch(unlessStopping),
    async check(stack, { log, signal }, services) {
      const looks = await lookAtStacks(tools, [stack], true, signal, (message) => log(message))
      const [look] = looks
      if (!look) return { how: 'disproved', says: 'the stack could not be read' }
      const found = await ask(looks, signal, services)
      for (const line of describeLook(narrow(look, services), found.get(stack) ?? [], memory.read())) log(line)
      return { how: 'proved' }
    },
    refresh: (stack) => refresh([stack]).catch(unlessStopping),
    changed(stack) {
      changed.add(stack)
      soon ??= setTimeout(() => void workOnChanged().catch(unlessStopping), BURST)
    },
    async stop() {
      clearInterval(timer)
      clearTimeout(soon)
      await ticks.stop()
    },
  }
}
