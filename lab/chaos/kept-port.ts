import type { Engine } from '../engine.ts'

const REFUSED = /Bind for [\d.]+:(\d+) failed: port is already allocated/

/**
 * Whether a job failed since the engine keeps a port for a container that is gone. An engine that is killed while a container is being replaced may do so
 * when it is back (seen with 26.1), whoever asks it, until it is started again.
 *
 * @param job As callers see it.
 */
export async function hasKeptPort(engine: Engine, job: any): Promise<boolean> {
  const port = job?.code === 'rollback_failed' ? REFUSED.exec(job.steps.at(-1).tail)?.[1] : undefined
  return port !== undefined && (await engine.docker('ps', '-q', '--filter', `publish=${port}`)).trim() === ''
}
