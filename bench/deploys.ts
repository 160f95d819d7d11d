import { command } from '../lab/command.ts'
import { deployAndWait } from '../lab/deploy-and-wait.ts'
import { measureAway } from '../lab/measure-away.ts'
import { publishImage } from '../lab/sample-image.ts'
import { untilPage, webFile } from '../lab/world.ts'
import { addRunningStacks, baselineEnv, deployOnce, FOUR_COMMANDS, shellEnv, withWorld, type Bench } from './bench-world.ts'
import { asMeasurement, measurePairs, timed, type Measurement } from './measure.ts'

/** A deploy with nothing to change, from the signed POST to the answer, against the four commands in a shell. */
export function measureUnchanged(bench: Bench, pairs: number): Promise<Measurement> {
  return withWorld(bench, async (world) => {
    const image = `${bench.registry}/bench-unchanged:latest`
    await publishImage(bench.engine, image, 'v1')
    const stack = await world.addStack('unchanged', webFile(image))
    await stack.compose('up', '-d')
    const service = await world.start('all')
    await deployAndWait(service.client, stack.name)
    const shell = () => command('bash', ['-c', FOUR_COMMANDS], shellEnv(world, stack), stack.dir)
    for (let warm = 0; warm < 3; warm++) {
      await deployOnce(service, stack.name)
      await shell()
    }
    const measured = await measurePairs(
      pairs,
      () => timed(() => deployOnce(service, stack.name)),
      () => timed(shell),
    )
    return asMeasurement('a deploy with nothing to change', 'ms', measured, 0.5, 'baseline: docker compose ps, config, pull, up in a shell')
  })
}

/** A deploy that replaces one container: both pull a new image and recreate; ours also proves it healthy. */
export function measureReplaced(bench: Bench, pairs: number): Promise<Measurement> {
  return withWorld(bench, async (world) => {
    const image = `${bench.registry}/bench-replaced:latest`
    await publishImage(bench.engine, image, 'v0')
    // Checked for the first time 10 ms after its start: the time that somebody chooses between two checks is no cost of ours.
    const health = 'healthcheck: {test: ["CMD", "/bin/busybox", "true"], interval: 30s, start_period: 10s, start_interval: 10ms}'
    // Without a network: making and removing one takes the engine longer than everything else, on both sides.
    const stack = await world.addStack('replaced', () => `services: {web: {image: ${image}, init: true, network_mode: none, ${health}}}\n`)
    await stack.compose('up', '-d')
    const service = await world.start('all')
    await deployAndWait(service.client, stack.name)
    let version = 0
    const replace = async (deploy: () => Promise<unknown>) => {
      await publishImage(bench.engine, image, `v${++version}`)
      return timed(deploy)
    }
    const shell = () => command('bash', ['-c', FOUR_COMMANDS], shellEnv(world, stack), stack.dir)
    await replace(() => deployOnce(service, stack.name))
    const measured = await measurePairs(
      pairs,
      () => replace(() => deployOnce(service, stack.name)),
      () => replace(shell),
    )
    const note = 'ours also proves the new container healthy (first checked after 10 ms)'
    return asMeasurement('a deploy that replaces one container', 'ms', measured, 0.85, note)
  })
}

/** Many stacks asked at once, against a shell loop over them with the same parallelism. */
export function measureBurst(bench: Bench, stacks: number, pairs: number): Promise<Measurement> {
  return withWorld(bench, async (world) => {
    const all = await addRunningStacks(bench, world, stacks)
    const dirs = all.map(({ dir }) => dir).join('\n')
    const env = { ...baselineEnv(bench.engine.dockerHost), DIRS: dirs }
    const service = await world.start('all')
    for (const stack of all) await deployAndWait(service.client, stack.name)
    const ours = () => timed(() => Promise.all(all.map((stack) => deployOnce(service, stack.name))))
    const loop = `printf '%s\\n' "$DIRS" | xargs -P 4 -I{} sh -c 'cd {} && ${FOUR_COMMANDS}'`
    const shell = () => timed(() => command('bash', ['-c', loop], env))
    return asMeasurement(
      `${stacks} stacks asked at once`,
      'ms',
      await measurePairs(pairs, ours, shell),
      0.6,
      'four at a time on both sides',
    )
  })
}

/**
 * How long a stack is not served because of a bad version, which never becomes healthy. Plain compose leaves it so; the baseline is a script that knows
 * the former image, waits with `--wait`, gives it its name back and runs `up` again.
 */
export function measureOutage(bench: Bench, pairs: number): Promise<Measurement> {
  return withWorld(bench, async (world) => {
    const image = `${bench.registry}/bench-outage:latest`
    const good = await publishImage(bench.engine, image, 'good')
    const check = 'test: ["CMD", "/bin/busybox", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/"], interval: 500ms, retries: 4'
    const stack = await world.addStack('outage', webFile(image, `    healthcheck: { ${check} }\n`))
    await stack.compose('up', '-d', '--wait')
    const service = await world.start('all')
    await deployAndWait(service.client, stack.name)
    let version = 0
    const outage = async (deploy: () => Promise<unknown>) => {
      await publishImage(bench.engine, image, `bad ${++version}`, 'idle')
      const over = new AbortController()
      const away = measureAway(stack, over.signal)
      await deploy()
      await untilPage(stack, 'good')
      over.abort()
      return away
    }
    const script = `docker compose pull -q && docker compose up -d --wait || { docker tag ${good} ${image} && docker compose up -d --wait; }`
    const measured = await measurePairs(
      pairs,
      () => outage(() => service.client.plain('POST', `/deploy/${stack.name}?wait=true`, stack.name)),
      () => outage(() => command('bash', ['-c', `{ ${script}; } > /dev/null 2>&1`], shellEnv(world, stack), stack.dir)),
    )
    const note = 'baseline: compose up --wait and a script that brings the former image back; compose alone leaves the stack down'
    return asMeasurement('a bad version replaced a good one: not served for', 'ms', measured, 1.1, note)
  })
}
