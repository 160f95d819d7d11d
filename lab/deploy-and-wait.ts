import type { Answer, Client } from './client.ts'
import { until } from './until.ts'

/** Deploys a stack and waits for the end; one that has just been made is known within two seconds. */
export function deployAndWait(client: Client, stack: string): Promise<Answer<any>> {
  return until('the stack to be known', async () => {
    const answer = await client.plain('POST', `/deploy/${stack}?wait=true`, stack)
    return answer.status === 404 ? null : answer
  })
}
