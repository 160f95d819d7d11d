import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from '../lab/client.ts'
import { command } from '../lab/command.ts'
import type { Engine } from '../lab/engine.ts'
import { publishImage } from '../lab/sample-image.ts'
import type { Service } from '../lab/service.ts'
import { until } from '../lab/until.ts'
import { createWorld, type LabStack, type World } from '../lab/world.ts'

/** What the measurements work with. */
export interface Bench {
  engine: Engine
  /** The address of a registry, the first part of its images' names. */
  registry: string
  say(line: string): void
}

/** A world for one measurement, taken down after it. */
export async function withWorld<T>(bench: Bench, work: (world: World) => Promise<T>): Promise<T> {
  const world = createWorld(bench.engine)
  try {
    return await work(world)
  } finally {
    await world.close()
  }
}

/** Makes folders of stacks that are never started. @returns Their names. */
export function addIdleStacks(world: World, count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const name = `idle-${index}`
    mkdirSync(join(world.root, name), { recursive: true })
    writeFileSync(join(world.root, name, 'compose.yaml'), 'services: {web: {image: never-started}}\n')
    return name
  })
}

/** Makes stacks of one small container each, without a network, and starts them by hand, four at a time. */
export async function addRunningStacks(bench: Bench, world: World, count: number): Promise<LabStack[]> {
  const image = `${bench.registry}/bench-small:latest`
  await publishImage(bench.engine, image, 'v1')
  const file = `services: {web: {image: ${image}, init: true, network_mode: none, command: [/bin/busybox, sleep, '9999']}}\n`
  const stacks: LabStack[] = []
  for (let index = 0; index < count; index++) stacks.push(await world.addStack(`small${index}`, () => file))
  const loop = `printf '%s\\n' "$DIRS" | xargs -P 4 -I{} docker compose --project-directory {} -f {}/compose.yaml up -d`
  await command('bash', ['-c', loop], { DOCKER_HOST: bench.engine.dockerHost, DIRS: stacks.map(({ dir }) => dir).join('\n') })
  return stacks
}

/** Waits until a service knows so many stacks. */
export async function knownStacks(client: Client, count: number): Promise<void> {
  await until('the stacks to be known', async () => (await client.plain('GET', '/stacks', 'stacks')).body.stacks.length === count, 120)
}

/** Some seconds in which nothing is asked for. */
export function rest(seconds: number): Promise<void> {
  return delay(1000 * seconds)
}

/** Deploys a stack and waits for the answer. @throws When it was not deployed. */
export async function deployOnce(service: Service, stack: string): Promise<void> {
  const { status, text } = await service.client.plain('POST', `/deploy/${stack}?wait=true`, stack)
  if (status !== 200) throw new Error(`the deploy answered ${status}: ${text}`)
}

/** The four commands as a shell runs them, one after the other. */
export const FOUR_COMMANDS =
  '{ docker compose ps --services --status running && docker compose config --quiet && docker compose pull && docker compose up -d --remove-orphans; } > /dev/null 2>&1'

/** The environment of what is measured against: its composes collect garbage as those of a worker do, whatever the run of the tests sets. */
export function baselineEnv(dockerHost: string): Record<string, string> {
  return { DOCKER_HOST: dockerHost, GOGC: '' }
}

/** The environment in which a shell works in a stack. */
export function shellEnv(world: World, stack: LabStack): Record<string, string> {
  return { ...baselineEnv(world.settings['DOCKER_HOST'] ?? ''), PWD: stack.dir }
}
