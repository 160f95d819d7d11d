import { afterAll, inject } from 'vitest'
import { engineAt } from '../lab/engine.ts'
import { startOtherEngine, type OtherEngine } from '../lab/other-engine.ts'
import { startRedis, type LabRedis } from '../lab/redis.ts'
import { createWorld, type World } from '../lab/world.ts'

/** The engine of this run. */
export const engine = engineAt(inject('dockerHost'))
/** The registry of this run. */
export const registry = inject('registry')

/** A world for one test file, taken down after it. */
export function useWorld(): World {
  const world = createWorld(engine)
  afterAll(() => world.close())
  return world
}

/** A Redis for one test file. */
export async function useRedis(): Promise<LabRedis> {
  const redis = await startRedis()
  afterAll(() => redis.close())
  return redis
}

/** Another engine for one test file, as another host would have it. */
export async function useOtherEngine(): Promise<OtherEngine> {
  const other = await startOtherEngine(engine)
  afterAll(() => other.stop())
  return other
}
