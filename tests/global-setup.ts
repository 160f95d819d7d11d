import type { TestProject } from 'vitest/node'
import { startEngine } from '../lab/engine.ts'
import { startRegistry } from '../lab/registry.ts'

declare module 'vitest' {
  interface ProvidedContext {
    dockerHost: string
    registry: string
  }
}

/** One engine and one registry for all files; ended with the run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const engine = await startEngine()
  const registry = await startRegistry()
  project.provide('dockerHost', engine.dockerHost)
  project.provide('registry', registry.address)
  return async () => {
    const images = (await engine.docker('images', '--quiet', '--filter', `reference=${registry.address}/*`)).split('\n')
    for (const id of new Set(images.filter(Boolean))) await engine.docker('rmi', '--force', id).catch(() => undefined)
    await registry.stop()
    await engine.stop()
  }
}
