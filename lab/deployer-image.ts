import { join } from 'node:path'
import { command } from './command.ts'
import type { Engine } from './engine.ts'

/** The name that docker-compose.yml gives the image. */
export const DEPLOYER_IMAGE = 'deployer:local'

/** Not among the temporary files, which are a run's own. */
const LOCK = '/run/lock/deployer-image.lock'

/** Builds the image as users do. One process of this machine at a time: the others find everything made. */
export async function buildDeployerImage(engine: Engine): Promise<void> {
  const script = join(import.meta.dirname, 'build-deployer-image.ts')
  await command('flock', [LOCK, process.execPath, script, DEPLOYER_IMAGE], {
    DOCKER_HOST: engine.dockerHost,
  })
}
