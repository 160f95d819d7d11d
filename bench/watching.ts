import { parseCounter } from '@deployer/shared/counters'
import { command } from '../lab/command.ts'
import { startRedis } from '../lab/redis.ts'
import { publishImage } from '../lab/sample-image.ts'
import { createWatching } from '../lab/watching.ts'
import type { World } from '../lab/world.ts'
import { baselineEnv, knownStacks, withWorld, type Bench } from './bench-world.ts'
import { asFigure, asMeasurement, measurePairs, timed, type Measurement } from './measure.ts'
import { residentMegabytes } from './process-stats.ts'

/** A look for new images of stacks of two services each, every one of which has an image of its own. */
export function measureWatching(bench: Bench, count: number, pairs: number): Promise<Measurement[]> {
  return withWorld(bench, async (world) => {
    const redis = await startRedis()
    const dirs = await addWatchedStacks(bench, world, count)
    const service = await world.start('all', { REDIS_URL: redis.url, WATCH: 'notify', WATCH_EVERY: '1h' })
    await knownStacks(service.client, count)
    const watching = createWatching(redis.url, world.settings['WORKER_NAME'] ?? '')
    const before = residentMegabytes(service.process.pid ?? 0)
    await watching.round()
    const questions = Object.entries(await watching.redis.hgetall('deployer:counters')).filter(
      ([field]) => parseCounter(field)?.[0] === 'questions',
    )
    const asked = questions.reduce((sum, [, times]) => sum + Number(times), 0)
    const environment = { ...baselineEnv(bench.engine.dockerHost), DIRS: dirs.join('\n') }
    const loop = `printf '%s\\n' "$DIRS" | xargs -I{} docker compose --project-directory {} -f {}/compose.yaml pull -q`
    const measured = await measurePairs(
      pairs,
      () => timed(() => watching.round()),
      () => timed(() => command('bash', ['-c', loop], environment)),
    )
    const after = residentMegabytes(service.process.pid ?? 0)
    await watching.close()
    await redis.close()
    const what = `a look for new images of ${count} stacks with ${2 * count} images`
    return [
      asMeasurement(
        what,
        'ms',
        measured,
        1.5,
        'no haste: a registry is asked at most 20 times a second; baseline: docker compose pull in each, one after the other',
      ),
      asFigure(`questions to the registry for it`, '', asked, 2 * count),
      asFigure(`memory that it adds to API and worker in one process`, 'MB', Math.max(0, after - before), 100),
    ]
  })
}

/** @returns Their folders. */
async function addWatchedStacks({ engine, registry }: Bench, world: World, count: number): Promise<string[]> {
  const name = `${registry}/bench-watched`
  await publishImage(engine, `${name}:latest`, 'v1')
  const manifests = `http://${registry}/v2/bench-watched/manifests`
  const type = 'application/vnd.docker.distribution.manifest.v2+json'
  const manifest = await (await fetch(`${manifests}/latest`, { headers: { Accept: type } })).text()
  const rest = "init: true, network_mode: none, command: [/bin/busybox, sleep, '9999']"
  const dirs: string[] = []
  for (let index = 0; index < count; index++) {
    const tags = [`a${index}`, `b${index}`]
    for (const tag of tags) await fetch(`${manifests}/${tag}`, { method: 'PUT', headers: { 'Content-Type': type }, body: manifest })
    const services = tags.map((tag) => `  ${tag}: {image: "${name}:${tag}", ${rest}}\n`).join('')
    dirs.push((await world.addStack(`watched${index}`, () => `services:\n${services}`)).dir)
  }
  const loop = `printf '%s\\n' "$DIRS" | xargs -P 4 -I{} docker compose --project-directory {} -f {}/compose.yaml up -d`
  await command('bash', ['-c', loop], { DOCKER_HOST: engine.dockerHost, DIRS: dirs.join('\n') })
  return dirs
}
