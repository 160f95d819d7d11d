import type { Tools } from '../converge/tools.ts'
import type { Container } from '../ports.ts'
import { isRunning } from '../release/compare.ts'
import type { ServiceRelease } from '../release/release.ts'
import { encodeLogin, registryLogin } from '../stacks/registry-login.ts'
import type { StepContext } from '../steps/step.ts'
import { digestOf } from './resolve-images.ts'
import type { Draft } from './what-runs.ts'

/** Stands for the id of an image that is not here yet. */
const NOT_HERE = ''

/** What the names of a stack's images lead to at their registries. One whose registry gives no answer is taken for what is here. */
export async function planImages({ engine, paths, lockFd }: Tools, draft: Draft, own: Container[], context: StepContext): Promise<Draft> {
  const services = Object.entries(draft.services).map(async ([service, one]): Promise<[string, ServiceRelease]> => {
    const mayEnd = !own.some((container) => container.service === service && isRunning(container))
    const here = await engine.image(one.image, context.signal)
    const known = here ? digestOf(one.image, here.digests) : null
    const isBuilt = draft.definition.services[service]?.build !== undefined && draft.definition.services[service]?.image === undefined
    const ask = async () => {
      const login = await registryLogin(paths.dir, one.image, lockFd)
      return engine.registryDigest(one.image, login && encodeLogin(login), context.signal)
    }
    const digest = isBuilt
      ? null
      : await ask().catch((error: Error) => {
          context.log(`${service}: the registry of ${one.image} was asked in vain (${error.message})`)
          return null
        })
    const isHere = digest === null || digest === known || here?.digests.some((name) => name.endsWith(`@${digest}`))
    context.log(`${service} ${one.image} ${isHere ? 'is here' : 'would be pulled'}`)
    return [service, { ...one, mayEnd, digest: digest ?? known, imageId: isHere ? (here?.id ?? NOT_HERE) : NOT_HERE }]
  })
  return { ...draft, services: Object.fromEntries(await Promise.all(services)) }
}
