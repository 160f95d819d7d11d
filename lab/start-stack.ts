import type { Client } from './client.ts'
import { until } from './until.ts'
import type { LabStack, World } from './world.ts'

/**
 * Makes a stack, starts it as an operator would, and waits until a worker has kept what runs as its first release: that is what a rollback goes
 * back to.
 *
 * @param args What compose is told beside `up -d`.
 */
export async function startStack(
  world: World,
  client: Client,
  name: string,
  composeFile: (port: number) => string,
  files: Record<string, string> = {},
  args: string[] = [],
): Promise<LabStack> {
  const stack = await world.addStack(name, composeFile, files)
  await stack.compose(...args, 'up', '-d')
  await untilKept(client, stack.name)
  return stack
}

/** Waits until a worker has kept what runs of a stack that was never deployed: before, a rollback has nothing to go back to. */
export async function untilKept(client: Client, stack: string): Promise<void> {
  await until(
    `a release of ${stack}`,
    async () => {
      const { body } = await client.plain('GET', `/stacks/${stack}/releases`, stack)
      return body.releases?.length > 0
    },
    120,
  )
}
