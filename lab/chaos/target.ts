import type { Engine } from '../engine.ts'
import type { Random } from '../random.ts'
import { registryDigest } from '../registry-digest.ts'
import { publishImage } from '../sample-image.ts'
import { until } from '../until.ts'
import type { LabStack, World } from '../world.ts'

/** What a stack runs. */
export interface State {
  /** What its page says. */
  version: string
  /** A value in the environment of `web`. */
  mark: string
  /** Whether it has a third service. */
  extra: boolean
}

/** A change that is asked for, and whether it can come to run. */
export interface Move {
  kind: 'image' | 'digest' | 'definition' | 'network' | 'services'
  good: boolean
  to: State
}

/** A stack, and what has to run in it now. */
export interface Target {
  stack: LabStack
  state: State
  /** What is known to have run, by the number of its release. */
  releases: Map<number, State>
  /** Makes a change ready: an image in the registry, the stack's file. */
  prepare(move: Move): Promise<void>
  /** What runs, as far as can be seen from outside. */
  look(): Promise<State>
  /** What is not as its state says: other containers, a database that is another one. */
  leftovers(): Promise<string[]>
}

const KINDS: Move['kind'][] = ['image', 'image', 'digest', 'definition', 'network', 'services']

/** A change of a stack that has not been there before. */
export function chooseMove({ state }: Target, round: number, random: Random): Move {
  const kind = random.pick(KINDS)
  // A network that is not there cannot come to be.
  const good = kind !== 'network' && random.chance(0.7)
  const version = kind === 'definition' || kind === 'network' ? state.version : `v${round}${good ? '' : '-bad'}`
  return { kind, good, to: { version, mark: `m${round}`, extra: kind === 'services' ? !state.extra : state.extra } }
}

/** Ready at once when it serves, so that rounds are short. */
const HEALTH = `    healthcheck:
      test: ["CMD", "/bin/busybox", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/"]
      interval: 500ms
      timeout: 2s
      retries: 20
`

/**
 * Makes a stack of `web`, which serves a version, and `db`, which nobody ever changes, and starts it.
 *
 * @param files Whether it is started with `-f` from two files that compose would not find by itself.
 */
export async function addTarget(engine: Engine, world: World, registry: string, name: string, files: boolean): Promise<Target> {
  const web = `${registry}/${name}`
  const db = `${registry}/chaos-db:latest`
  let published = 'v0'
  const render = ({ mark, extra }: State, image: string, more: string, port: number) => {
    const dbService = `  db:\n    image: ${db}\n    init: true\n    restart: always\n`
    const service = `  web:\n    image: ${image}\n    init: true\n    restart: always\n    depends_on: [db]\n    ports: ["127.0.0.1:${port}:8080"]\n`
    const extraService = extra ? `  extra:\n    image: ${db}\n    init: true\n    restart: always\n` : ''
    const networks = more.includes('gone') ? 'networks: { gone: { external: true } }\n' : ''
    const first = `services:\n${service}    environment: { MARK: ${mark} }\n${HEALTH}${more}${extraService}`
    return files ? [`${first}${networks}`, `services:\n${dbService}`] : [`${first}${dbService}${networks}`]
  }
  const names = files ? ['base.yaml', 'prod.yaml'] : ['compose.yaml']
  let port = 0
  const state: State = { version: 'v0', mark: 'm0', extra: false }
  await publishImage(engine, `${web}:latest`, 'v0')
  const stack = await world.addStack(name, (free) => {
    port = free
    return files ? 'services: {}\n' : (render(state, `${web}:latest`, '', free)[0] ?? '')
  })
  const write = (texts: string[]) => texts.forEach((text, index) => stack.write(names[index] ?? '', text))
  write(render(state, `${web}:latest`, '', port))
  const options = files ? ['-f', 'base.yaml', '-f', 'prod.yaml'] : []
  await stack.compose(...options, 'up', '-d')
  const [database] = await stack.idsOf('db')
  const list = async () => {
    const format = '{{.Names}} {{.State}}'
    const lines = await engine.docker('ps', '-a', '--filter', `label=com.docker.compose.project=${stack.name}`, '--format', format)
    return lines.split('\n').filter(Boolean).sort()
  }
  const target: Target = {
    stack,
    state,
    releases: new Map(),
    async prepare({ kind, good, to }) {
      if (published !== to.version) await publishImage(engine, `${web}:latest`, to.version, good ? 'serve' : 'crash')
      published = to.version
      const image = kind === 'digest' ? `${web}@${await registryDigest(`${web}:latest`)}` : `${web}:latest`
      const fails = kind === 'definition' && !good ? '    command: ["/bin/busybox", "false"]\n' : ''
      write(render(to, image, `${fails}${kind === 'network' ? '    networks: [default, gone]\n' : ''}`, port))
    },
    async look() {
      const [id = ''] = await stack.idsOf('web')
      const environment = await engine.docker('inspect', '--format', '{{.Config.Env}}', id)
      const extra = (await list()).some((line) => line.includes('-extra-'))
      return { version: await stack.page(), mark: /MARK=(\w+)/.exec(environment)?.[1] ?? '', extra }
    },
    async leftovers() {
      const names = ['db', ...(target.state.extra ? ['extra'] : []), 'web']
      const wanted = names.map((service) => `${stack.name}-${service}-1 running`)
      const listed = await until(
        `the containers of ${stack.name}`,
        async () => ((await list()).join() === wanted.join() ? wanted : null),
        20,
      ).catch(list)
      const [now] = await stack.idsOf('db')
      return [
        ...(listed.join() === wanted.join() ? [] : [`containers of ${stack.name}: ${listed.join(', ')}`]),
        ...(now === database ? [] : [`${stack.name} has another database`]),
      ]
    },
  }
  await until(`${name} to serve`, async () => (await target.look()).version === 'v0')
  return target
}

/** Whether two states are the same. */
export function isSame(one: State, other: State): boolean {
  return one.version === other.version && one.mark === other.mark && one.extra === other.extra
}

/** For people. */
export function describe({ version, mark, extra }: State): string {
  return `${version} ${mark}${extra ? ' with extra' : ''}`
}
