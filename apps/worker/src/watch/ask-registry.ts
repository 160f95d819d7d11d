import type { Engine } from '../ports.ts'
import { encodeLogin, registryOf } from '../stacks/registry-login.ts'
import type { AskRegistry } from './ask-registries.ts'
import { HubAway, hubDigest } from './docker-hub.ts'

/** Where Docker Hub answers. */
const HUB = 'https://registry-1.docker.io'

/**
 * Asks for digests of one round by the engine, which knows mirrors and certificates of the host; Docker Hub directly, since the engine's way would count as a
 * pull there, unless the engine has a mirror for it, or Docker Hub cannot be reached from here.
 */
export function createAskRegistry(engine: Engine, hub = HUB): AskRegistry {
  let mirrored: Promise<boolean> | undefined
  return async (image, login, signal) => {
    const byEngine = () => engine.registryDigest(image, login && encodeLogin(login), signal)
    if (registryOf(image) !== 'docker.io' || (await (mirrored ??= engine.hasHubMirror(signal)))) return byEngine()
    return hubDigest(hub, image, login, signal).catch((error: unknown) => {
      if (error instanceof HubAway) return byEngine()
      throw error
    })
  }
}
