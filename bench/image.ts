import { buildDeployerImage, DEPLOYER_IMAGE } from '../lab/deployer-image.ts'
import type { Bench } from './bench-world.ts'
import { asFigure, type Measurement } from './measure.ts'

/** The image's size, and what takes it. */
export async function measureImage(bench: Bench): Promise<Measurement> {
  await buildDeployerImage(bench.engine)
  const size = Number(await bench.engine.docker('image', 'inspect', '--format', '{{.Size}}', DEPLOYER_IMAGE)) / 1e6
  const script = `const fs = require('fs'), path = require('path')
    const size = (file) => { const stats = fs.lstatSync(file); return stats.isDirectory() ? fs.readdirSync(file).reduce((sum, name) => sum + size(path.join(file, name)), 0) : stats.size }
    const parts = { Node: '/usr/local/bin/node', 'the compose plugin': '/usr/libexec', node_modules: '/app/node_modules', 'compiled code': '/app/.compile-cache' }
    console.log(Object.entries(parts).map(([name, file]) => name + ' ' + Math.round(size(file) / 1e6)).join(', '))`
  const parts = await bench.engine.docker('run', '--rm', '--entrypoint', 'node', DEPLOYER_IMAGE, '-e', script)
  return asFigure('the image', 'MB', size, 250, [], `${parts.trim()}; the rest Redis and libraries`)
}
