import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { repository } from '../converge/name-images.ts'
import type { Tools } from '../converge/tools.ts'
import type { Container } from '../ports.ts'
import { isRunning } from '../release/compare.ts'
import type { ServiceRelease } from '../release/release.ts'
import type { StepContext } from '../steps/step.ts'
import { digestOf } from './resolve-images.ts'
import type { Draft } from './what-runs.ts'

/** Stands for the id of an image that is not here yet. */
const NOT_HERE = ''

/** What the names of a stack's images lead to at their registries. One whose registry gives no answer is taken for what is here. */
export async function planImages({ engine, paths }: Tools, draft: Draft, own: Container[], context: StepContext): Promise<Draft> {
  const services = Object.entries(draft.services).map(async ([service, one]): Promise<[string, ServiceRelease]> => {
    const mayEnd = !own.some((container) => container.service === service && isRunning(container))
    const here = await engine.image(one.image, context.signal)
    const known = here ? digestOf(one.image, here.digests) : null
    const isBuilt = draft.definition.services[service]?.build !== undefined && draft.definition.services[service]?.image === undefined
    const digest = isBuilt
      ? null
      : await engine.registryDigest(one.image, registryAuth(paths.dir, one.image), context.signal).catch((error: Error) => {
          context.log(`${service}: the registry of ${one.image} was asked in vain (${error.message})`)
          return null
        })
    const isHere = digest === null || digest === known || here?.digests.some((name) => name.endsWith(`@${digest}`))
    context.log(`${service} ${one.image} ${isHere ? 'is here' : 'would be pulled'}`)
    return [service, { ...one, mayEnd, digest: digest ?? known, imageId: isHere ? (here?.id ?? NOT_HERE) : NOT_HERE }]
  })
  return { ...draft, services: Object.fromEntries(await Promise.all(services)) }
}

const DockerConfig = z.object({ auths: z.record(z.string(), z.looseObject({ auth: z.string().optional() })).default({}) })

/** The login that a stack, or this user, has for an image's registry, as the engine wants it; `null` where there is none in plain sight. */
function registryAuth(dir: string, image: string): string | null {
  const file = [join(dir, '.docker/config.json'), join(process.env['HOME'] ?? '/root', '.docker/config.json')].find((path) =>
    existsSync(path),
  )
  if (file === undefined) return null
  const { auths } = DockerConfig.parse(JSON.parse(readFileSync(file, 'utf8')))
  const [host = ''] = repository(image).split('/')
  const registry = /[.:]|^localhost$/.test(host) ? host : 'https://index.docker.io/v1/'
  const auth = auths[registry]?.auth ?? auths[`https://${registry}`]?.auth
  if (auth === undefined) return null
  const [username, password] = Buffer.from(auth, 'base64').toString('utf8').split(/:(.*)/s)
  return Buffer.from(JSON.stringify({ username, password, serveraddress: registry })).toString('base64url')
}
