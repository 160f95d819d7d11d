import type { StepContext } from '../steps/step.ts'
import type { Tools } from './tools.ts'

/** Pulls images by references that have a digest, by service. @throws When one cannot be had. */
export type PullImages = (images: Record<string, string>, context: StepContext) => Promise<void>

/** By compose, which knows the stack's logins and whatever helps to get at them. */
export function pullWithCompose({ compose, paths, lockFd }: Pick<Tools, 'compose' | 'paths' | 'lockFd'>): PullImages {
  return async (images, context) => {
    const services = Object.fromEntries(Object.entries(images).map(([service, image]) => [service, { image }]))
    const { exitCode } = await compose.run(paths, ['-p', 'deployer-pull', '-f', '-', 'pull'], {
      signal: context.signal,
      onLine: context.log,
      input: JSON.stringify({ services }),
      lockFd,
    })
    if (exitCode !== 0)
      throw new Error(`These images are no longer here and could not be pulled again: ${Object.values(images).join(', ')}`)
  }
}
