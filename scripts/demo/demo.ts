// `npm run demo`: the main job from beginning to end on real parts, told step by step. Ends with 0 only if all of it was seen.
import { randomBytes } from 'node:crypto'
import { startEngine } from '../../lab/engine.ts'
import { startRegistry } from '../../lab/registry.ts'
import { startReceiver } from '../../lab/receiver.ts'
import { publishImage } from '../../lab/sample-image.ts'
import { until } from '../../lab/until.ts'
import { createWorld, untilPage, webFile, type LabStack } from '../../lab/world.ts'
import type { Service } from '../../lab/service.ts'

interface Job {
  job_id: string
  state: string
  ok: boolean | null
  message: string | null
  status_url: string
  rolled_back: boolean
  steps: { name: string; ok: boolean; duration_ms: number; tail: string }[]
}

const cleanUps: (() => Promise<void>)[] = []
let chapter = 0

function tell(text: string): void {
  process.stdout.write(`${text}\n`)
}

function title(text: string): void {
  tell(`\n${++chapter}. ${text}`)
}

async function demo(): Promise<void> {
  tell('Deployer: a push to CI ends in an updated Docker Compose stack. This is the whole way, on this machine, with real parts.')

  title('A host with a stack')
  const engine = await startEngine()
  cleanUps.push(engine.stop)
  tell(`   Docker Engine: ${engine.own ? 'a private one, started for this demo' : `the one at ${engine.dockerHost}`}`)
  const registry = await startRegistry()
  cleanUps.push(registry.stop)
  tell(`   Registry:      ${registry.address}`)
  const image = `${registry.address}/shop:latest`
  const world = createWorld(engine)
  cleanUps.push(world.close)
  await publishImage(engine, image, 'version 1')
  const stack = await world.addStack('shop', webFile(image))
  await stack.compose('up', '-d')
  await untilPage(stack, 'version 1')
  tell(`   Stack:         ${stack.dir}, started with docker compose up -d`)
  await show(stack)

  const watchedImage = `${registry.address}/notes:latest`
  await publishImage(engine, watchedImage, 'version 1')
  const watched = await world.addStack('notes', webFile(watchedImage, 'x-deployer: { watch: update, every: "* * * * *" }\n'))
  await watched.compose('up', '-d')
  await untilPage(watched, 'version 1')
  tell(`   Another one:   ${watched.dir}, whose file says x-deployer: { watch: update, every: "* * * * *" }`)

  title('Deployer starts: API, worker and an embedded Redis')
  const phone = await startReceiver()
  cleanUps.push(phone.stop)
  const service = await world.start('all', {
    DEPLOY_SECRET: world.secret,
    SETTLE: '0',
    NOTIFY_URLS: `json://${phone.address}/phone`,
    NOTIFY_ON: 'updated',
  })
  tell(`   API at ${service.client.url}; GET /ready says it is ready`)

  title('CI pushes version 2 to the registry and sends a signed webhook')
  await publishImage(engine, image, 'version 2')
  const good = await deploy(service, stack)
  if (good.state !== 'succeeded') throw new Error(`the deploy ended as ${good.state}: ${good.message}`)
  await untilPage(stack, 'version 2')
  await show(stack)

  title('CI pushes version 3, which cannot start')
  await publishImage(engine, image, 'version 3', 'crash')
  const bad = await deploy(service, stack)
  if (bad.state !== 'failed' || !bad.rolled_back) throw new Error(`the bad version ended as ${bad.state}`)
  tell(`   Deployer says: ${bad.message}`)
  await untilPage(stack, 'version 2')
  await show(stack)

  title('An image of the other stack is pushed, and nobody tells')
  await publishImage(engine, watchedImage, 'version 2')
  tell('   Deployer looks once a minute, as the file says')
  await until('the watched stack to be updated', async () => (await watched.page()) === 'version 2', 150)
  await show(watched)
  const message = await until('the message', () => phone.received.find(({ body }) => body.includes(watched.name)))
  const { title: headline } = JSON.parse(message.body) as { title: string }
  tell(`   A message has arrived: "${headline}"`)

  title('Somebody without the secret tries')
  const stranger = await service.client.raw('POST', `/deploy/${stack.name}`, { 'X-Signature': randomBytes(32).toString('hex') })
  tell(`   POST /deploy/${stack.name} with a made-up signature → ${stranger.status} ${stranger.body.code}`)
  if (stranger.status !== 401) throw new Error('a made-up signature was not refused')
}

/** Sends the webhook and follows the job as a caller would, step by step. */
async function deploy(service: Service, stack: LabStack): Promise<Job> {
  const accepted = await until('the stack to be known', async () => {
    const answer = await service.client.timed<Job>('POST', '/deploy', { stack: stack.name })
    return answer.status === 202 ? answer : null
  })
  tell(`   POST /deploy {"stack":"${stack.name}"}, signed → ${accepted.status}, job ${accepted.body.job_id}`)
  let state = ''
  let seen = 0
  return until('the end of the job', async () => {
    const { body: job } = await service.client.plain<Job>('GET', accepted.body.status_url, accepted.body.job_id)
    const news = job.state === state ? [] : [`   GET  ${accepted.body.status_url} → ${job.state}`]
    if (job.ok === null) news.splice(0).forEach(tell)
    state = job.state
    for (const step of job.steps.slice(seen)) {
      tell(`        ${step.ok ? '✓' : '✗'} ${step.name.padEnd(8)} ${`${step.duration_ms} ms`.padStart(8)}`)
      if (!step.ok) for (const line of step.tail.trimEnd().split('\n')) tell(`            ${line}`)
    }
    seen = job.steps.length
    news.forEach(tell)
    return job.ok === null ? null : job
  })
}

async function show(stack: LabStack): Promise<void> {
  tell(`   GET  ${stack.url} → "${await stack.page()}"`)
}

async function cleanUp(): Promise<void> {
  title('Everything is taken down again')
  for (const one of cleanUps.reverse()) await one()
  cleanUps.length = 0
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    void cleanUp().finally(() => process.exit(130))
  })
}
try {
  await demo()
  await cleanUp()
  tell(
    '\nSeen: a new version served after a signed webhook, a bad one rolled back, an image that nobody announced deployed and told of, and a stranger turned away.',
  )
  tell('Next: the README says how to put it on your own host.')
  process.exit(0)
} catch (error) {
  process.stderr.write(`\nThe demo failed: ${error instanceof Error ? error.stack : String(error)}\n`)
  await cleanUp().catch(() => undefined)
  process.exit(1)
}
