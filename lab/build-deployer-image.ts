// Builds the image, and what it starts from where that is missing. Arguments: the image's name. The engine is that of DOCKER_HOST.
import { join } from 'node:path'
import { ensureBaseImages, NODE_TAG } from './base-images.ts'
import { engineAt } from './engine.ts'

const [, , reference = ''] = process.argv
const engine = engineAt(process.env['DOCKER_HOST'] ?? '')
await ensureBaseImages(engine)
await engine.docker('build', '--quiet', '--build-arg', `NODE_IMAGE=${NODE_TAG}`, '--tag', reference, join(import.meta.dirname, '..'))
