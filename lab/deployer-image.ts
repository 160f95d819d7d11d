import { join } from 'node:path'
import { ensureBaseImages } from './base-images.ts'
import type { Engine } from './engine.ts'

/** The name that docker-compose.yml gives the image. */
export const DEPLOYER_IMAGE = 'deployer:local'

/** Builds the image as users do. */
export async function buildDeployerImage(engine: Engine): Promise<void> {
  await ensureBaseImages(engine)
  await engine.docker('build', '--quiet', '--tag', DEPLOYER_IMAGE, join(import.meta.dirname, '..'))
}
