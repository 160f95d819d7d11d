import { command } from './lab/command.ts'
import { deployAndWait } from './lab/deploy-and-wait.ts'
import { engineAt } from './lab/engine.ts'
import { startRegistry } from './lab/registry.ts'
import { publishImage } from './lab/sample-image.ts'
import { webFile } from './lab/world.ts'
import { deployOnce, FOUR_COMMANDS, shellEnv, withWorld } from './bench/bench-world.ts'
const engine = engineAt(process.env.DOCKER_HOST!)
const registry = await startRegistry()
await withWorld({ engine, registry: registry.address, say: () => undefined } as any, async (world) => {
  const image = `${registry.address}/bench-unchanged:latest`
  await publishImage(engine, image, 'v1')
  const stack = await world.addStack('unchanged', webFile(image))
  await stack.compose('up', '-d')
  const service = await world.start('all')
  await deployAndWait(service.client, stack.name)
  const shell = () => command('bash', ['-c', FOUR_COMMANDS], shellEnv(world, stack), stack.dir)
  for (let i = 0; i < 4; i++) {
    await deployOnce(service, stack.name)
    await shell()
  }
  const ours: number[] = [],
    theirs: number[] = [],
    steps: Record<string, number[]> = {},
    pre: number[] = []
  for (let i = 0; i < Number(process.env.N ?? 15); i++) {
    let t = performance.now()
    const a = await service.client.plain('POST', `/deploy/${stack.name}?wait=true`, stack.name)
    ours.push(performance.now() - t)
    for (const s of a.body.steps) (steps[s.name] ??= []).push(s.duration_ms)
    pre.push(Date.parse(a.body.finished_at) - Date.parse(a.body.queued_at))
    t = performance.now()
    await shell()
    theirs.push(performance.now() - t)
  }
  const med = (x: number[]) => x.toSorted((a, b) => a - b)[x.length >> 1]
  console.log('ours', med(ours), 'shell', med(theirs), 'ratio', med(ours.map((o, i) => o / theirs[i])))
  console.log('steps', Object.fromEntries(Object.entries(steps).map(([k, v]) => [k, med(v)])), 'queued->finished', med(pre))
  if (process.env.STRACE) {
    const pid = service.process.pid!
    const tracer = command('bash', [
      '-c',
      `timeout 3 strace -f -tt -e trace=execve,fsync,fdatasync,rename -s 200 -o /tmp/probe.strace -p ${pid} || true`,
    ])
    await new Promise((r) => setTimeout(r, 800))
    await deployOnce(service, stack.name)
    await tracer
  }
})
await registry.stop()
process.exit(0)
