import { createHash } from 'node:crypto'
import { Host, FOLDER, PASSWORD, STACK, type HostState } from './host.ts'
import { createModelCompose, type Definition, type ModelService } from './model-compose.ts'
import { shape } from './invariants.ts'
import { simulate, type Scenario } from './simulate.ts'

const sha = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`

/** Puts an image into the registry under a name. */
function push({ sources }: HostState, reference: string, version: string, program: string): void {
  const id = sha(`${reference} ${version}`)
  sources.registry[reference] = { id, digest: sha(`manifest ${id}`), program }
}

function change(state: HostState, what: (services: Record<string, ModelService>, definition: Definition) => void): void {
  what(state.sources.definition.services, state.sources.definition)
  state.sources.version += '+'
}

const ALWAYS = { restart: 'unless-stopped' }

function stack(isSelf: boolean): Definition {
  const definition: Definition = {
    name: STACK,
    services: {
      db: { image: 'reg/db:1', ...ALWAYS, volumes: ['/data'] },
      web: { image: 'reg/web:1', ...ALWAYS, volumes: ['/cache'], depends_on: { db: { condition: 'service_healthy' } } },
      api: { image: 'reg/api:1', ...ALWAYS, volumes: ['/uploads'] },
      task: { image: 'reg/task:1' },
      ...(isSelf ? { worker: { image: 'reg/worker:1', ...ALWAYS } } : {}),
    },
  }
  for (const service of Object.values(definition.services)) service.environment = { PASSWORD }
  return definition
}

/** A host on which the stack runs, started by hand, beside another one; nothing of it is known yet. */
async function startedByHand(isSelf: boolean, more?: (state: HostState) => void): Promise<HostState> {
  const sources = { definition: stack(isSelf), version: '1', registry: {}, remakesDependents: false }
  const state: HostState = { now: 0, engine: { count: 0, containers: [], images: {}, names: {} }, sources, disk: {} }
  for (const [name, program] of Object.entries({
    db: 'checked',
    web: 'serve',
    api: 'serve',
    task: 'once',
    worker: 'worker',
    blog: 'serve',
    cache: 'serve',
  })) {
    push(state, `reg/${name}:1`, '1', program)
  }
  more?.(state)
  const host = new Host(state, [], { isSelf: false, keepLines: false })
  const process = host.process('operator', () => undefined)
  const compose = createModelCompose(host.engine, state.sources, host.time, host.fate, process, new Set())
  let isOver = false
  const run = async (workingDir: string, definition: Definition) => {
    state.sources.definition = definition
    const paths = { name: STACK, dir: workingDir, workingDir }
    const options = { signal: new AbortController().signal, onLine: () => undefined, lockFd: 0 }
    await compose.run(paths, ['pull'], options)
    const { exitCode } = await compose.run(paths, ['-p', definition.name, 'up', '-d'], options)
    if (exitCode !== 0) throw new Error('the stack could not be started')
  }
  const { definition } = state.sources
  void run('/stacks/blog', { name: 'blog', services: { web: { image: 'reg/blog:1', ...ALWAYS } } })
    .then(() => run(FOLDER, definition))
    .then(() => host.time.wait(60_000))
    .then(() => (isOver = true))
  await host.time.until('the stack', () => isOver)
  return { ...state, now: host.time.now() }
}

/** After a job that nothing has struck. */
async function after(state: HostState, action: Scenario['action'], isSelf = false): Promise<HostState> {
  const { host, job } = await simulate({ name: 'first', state, action, ends: 'target', isSelf }, [])
  if (!job.report) throw new Error('the job before has no report')
  return structuredClone({ ...host.state, now: host.time.now() })
}

export async function makeScenarios(): Promise<Scenario[]> {
  const unknown = await startedByHand(false)
  const known = await after(unknown, 'deploy')
  const self = await after(await startedByHand(true), 'deploy', true)
  const make = (
    name: string,
    ends: Scenario['ends'],
    what: (state: HostState) => void,
    { from = known, ...more }: Partial<Scenario> & { from?: HostState } = {},
  ): Scenario => {
    const state = structuredClone(from)
    what(state)
    return { name, state, action: 'deploy', ends, ...more }
  }
  const newImage = (program: string) => (state: HostState) => push(state, 'reg/web:1', '2', program)
  const newCommand = (program: string) => (state: HostState) => change(state, ({ api }) => api && (api.command = [program, '2']))
  const otherServices = (state: HostState) =>
    change(state, (services) => {
      delete services['api']
      services['cache'] = { image: 'reg/cache:1', ...ALWAYS }
    })
  const second = await after(make('', 'target', (state) => (newImage('serve')(state), otherServices(state))).state, 'deploy')
  const onlyWeb = await after(make('', 'target', newImage('serve')).state, 'deploy')
  const some = {
    replaces: { web: [sha(`manifest ${sha('reg/web:1 1')}`)] },
    only: { web: sha(`manifest ${sha('reg/web:1 2')}`) },
    target: shape(onlyWeb.engine.containers),
  }
  return [
    make('nothing new', 'target', () => undefined),
    make('a good image', 'target', newImage('serve')),
    make(
      'a good image that watching found, beside others',
      'target',
      (state) => {
        newImage('serve')(state)
        push(state, 'reg/api:1', '2', 'crash')
        push(state, 'reg/db:1', '2', 'sick')
      },
      some,
    ),
    make('a good image that watching found, whose name has moved on', 'target', newImage('serve'), {
      ...some,
      meanwhile(state) {
        const { registry } = state.sources
        const found = registry['reg/web:1']
        // A registry has what no name leads to any more.
        if (found) registry['no name'] ??= found
        push(state, 'reg/web:1', '3', 'crash')
      },
    }),
    make('a bad image that watching found', 'before', newImage('crash'), some),
    make(
      'an image that watching found before another one was deployed',
      'untouched',
      (state) => {
        const { registry } = state.sources
        const newest = registry['reg/web:1']
        push(state, 'reg/web:1', '1.5', 'serve')
        registry['no name'] = registry['reg/web:1'] ?? { id: '', digest: '', program: '' }
        if (newest) registry['reg/web:1'] = newest
      },
      {
        from: onlyWeb,
        only: { web: sha(`manifest ${sha('reg/web:1 1.5')}`) },
        replaces: { web: [sha(`manifest ${sha('reg/web:1 1')}`)] },
      },
    ),
    make('a good image, never deployed before', 'target', newImage('serve'), { from: unknown }),
    make(
      'a good image, and one of a kept release is gone',
      'target',
      (state) => {
        const { images, names } = state.engine
        const [web] = known.engine.containers.filter(({ project, service }) => project === STACK && service === 'web')
        delete images[web?.imageId ?? '']
        state.engine.names = Object.fromEntries(Object.entries(names).filter(([, id]) => id in images))
        push(state, 'reg/web:1', '3', 'serve')
      },
      { from: second },
    ),
    make('a good definition', 'target', newCommand('serve')),
    make('a new service and a dropped one', 'target', otherServices),
    make('a new task', 'target', (state) => push(state, 'reg/task:1', '2', 'once')),
    make('an image that ends at once', 'before', newImage('crash')),
    make('an image that ends at once, never deployed before', 'before', newImage('crash'), { from: unknown }),
    make('an image that ends after a while', 'before', newImage('late')),
    make('an image that is not healthy', 'before', newImage('sick')),
    make('a service that is well only until another one is', 'before', (state) => {
      newImage('serve')(state)
      change(state, ({ api }) => {
        if (!api) return
        api.command = ['fading', '2']
        delete api.restart
      })
    }),
    make('an image that ends with 0', 'before', (state) => {
      newImage('usage')(state)
    }),
    make('an image that ends at once, of a service that was down before', 'before', (state) => {
      push(state, 'reg/api:1', '2', 'crash')
      const [api] = state.engine.containers.filter(({ project, service }) => project === STACK && service === 'api')
      if (api) Object.assign(api, { state: 'created', startedAt: '' })
    }),
    make('a definition that ends at once', 'before', newCommand('crash')),
    make('a definition that cannot be started', 'before', newCommand('taken')),
    make('a dependency that is not healthy', 'before', (state) => push(state, 'reg/db:1', '2', 'sick')),
    make('a good dependency, with an older compose', 'target', (state) => {
      state.sources.remakesDependents = true
      push(state, 'reg/db:1', '2', 'checked')
    }),
    make('a dependency that is not healthy, with an older compose', 'before', (state) => {
      state.sources.remakesDependents = true
      push(state, 'reg/db:1', '2', 'sick')
    }),
    make('a dropped service and a bad image', 'before', (state) => {
      otherServices(state)
      newImage('crash')(state)
    }),
    make('an up that touches nothing', 'untouched', (state) => {
      newImage('serve')(state)
      change(state, (_, definition) => (definition.networks = { outer: { external: true, name: 'missing' } }))
    }),
    make('a pull that fails', 'untouched', (state) => change(state, ({ web }) => web && (web.image = 'reg/nowhere:1'))),
    make('a requested rollback', 'target', () => undefined, { from: second, action: 'rollback', target: shape(known.engine.containers) }),
    make('a good image, and the recovery goes on', 'target', newImage('serve'), { next: 'recovery' }),
    make('a bad image, and the recovery goes on', 'before', newImage('crash'), { next: 'recovery' }),
    make('a good image, and another job goes on', 'target', newImage('serve'), { next: 'another job' }),
    make('a stack of its own, good', 'target', (state) => push(state, 'reg/worker:1', '2', 'worker'), { from: self, isSelf: true }),
    make('a stack of its own, bad', 'before', (state) => push(state, 'reg/worker:1', '2', 'crash'), { from: self, isSelf: true }),
    make('a stack of its own, another service', 'target', newImage('serve'), { from: self, isSelf: true }),
  ]
}
