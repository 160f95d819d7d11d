import type { Container, Engine } from '../ports.ts'

/** Milliseconds that the engine has to tell a name. */
const PATIENCE = 3000

/** Tells the names that containers were made from, by their ids; without those that cannot be told now. */
export type ImageNames = (containers: Container[]) => Promise<Map<string, string>>

/**
 * The engine lists a container with its image's id in place of the name once that name has gone to another image: it is asked for those one by one,
 * and once.
 */
export function createImageNames(engine: Pick<Engine, 'spec'>): ImageNames {
  let known = new Map<string, string>()
  return async (containers) => {
    const named = await Promise.all(
      containers.map(async ({ id, image }) => {
        if (!/^sha256:[0-9a-f]{64}$/.test(image)) return [id, image] as const
        const name =
          known.get(id) ??
          (await engine.spec(id, AbortSignal.timeout(PATIENCE)).then(
            ({ imageName }) => imageName,
            () => null,
          ))
        return [id, name] as const
      }),
    )
    known = new Map(named.flatMap(([id, name]) => (name === null ? [] : [[id, name]])))
    return known
  }
}
