import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startChild } from './child.ts'
import { command } from './command.ts'
import { until } from './until.ts'

/** A Docker Engine to try things on. */
export interface Engine {
  dockerHost: string
  docker(...args: string[]): Promise<string>
}

/** One that may have to be stopped. */
export interface LabEngine extends Engine {
  /** Whether it was started for this purpose, or was there. */
  own: boolean
  stop(): Promise<void>
}

/** Set where a run is to be on an engine of its own, whatever answers here. */
const ALONE = process.env['DEPLOYER_LAB']
const HOME = ALONE ?? '/var/lib/deployer-lab'

/**
 * The engine that answers already, used as it is; otherwise a private one, with a folder, socket and state of its own, that ends
 * with this process. With `DEPLOYER_LAB` always the private one of that folder.
 */
export async function startEngine(): Promise<LabEngine> {
  const others = ALONE === undefined ? [process.env['DOCKER_HOST'], 'unix:///var/run/docker.sock'] : []
  for (const dockerHost of [...others, `unix://${HOME}/docker.sock`]) {
    if (dockerHost && (await answers(dockerHost))) return { ...engineAt(dockerHost), own: false, stop: async () => undefined }
  }
  if (!existsSync('/usr/sbin/dockerd') && !existsSync('/usr/bin/dockerd')) {
    throw new Error('No Docker Engine answers here, and dockerd is not installed. Start Docker, or set DOCKER_HOST.')
  }
  mkdirSync(HOME, { recursive: true, mode: 0o711 })
  const dockerHost = `unix://${join(HOME, 'docker.sock')}`
  const network = ALONE === undefined ? await ownNetwork('deployer-lab0', 215) : await ownNetwork('deployer-lab', 213)
  const child = startChild(
    'dockerd',
    `-H ${dockerHost} ${network} --data-root ${HOME}/data --exec-root ${HOME}/exec --pidfile ${HOME}/pid --log-level error`.split(' '),
    { PATH: `${process.env['PATH']}:/usr/sbin:/sbin`, GOGC: process.env['GOGC'] },
  )
  try {
    await until('an answer of dockerd', async () => {
      if (child.process.exitCode !== null) throw new Error(`dockerd ended: ${child.output().slice(-2000)}`)
      return answers(dockerHost)
    })
  } catch (error) {
    throw new Error(`The private Docker Engine did not start:\n${child.output().slice(-2000)}`, { cause: error })
  }
  return { ...engineAt(dockerHost), own: true, stop: () => child.stop() }
}

/**
 * Options for a bridge that another engine does not have, so that no restart of one takes away what containers of another are on. Each stack has a
 * network; an engine's own pool has room for some thirty.
 */
async function ownNetwork(bridge: string, block: number): Promise<string> {
  const ip = (...args: string[]) => command('ip', args, { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` })
  if (!existsSync(`/sys/class/net/${bridge}`)) {
    await ip('link', 'add', bridge, 'type', 'bridge')
    await ip('address', 'add', `10.${block}.0.1/24`, 'dev', bridge)
    await ip('link', 'set', bridge, 'up')
  }
  return `--bridge ${bridge} --default-address-pool base=10.${block + 1}.0.0/16,size=24`
}

/** The engine behind an address. */
export function engineAt(dockerHost: string): Engine {
  return { dockerHost, docker: (...args) => command('docker', args, { DOCKER_HOST: dockerHost }) }
}

/** Whether an engine answers at an address. */
export async function answers(dockerHost: string): Promise<boolean> {
  return command('docker', ['version', '--format', '{{.Server.Version}}'], { DOCKER_HOST: dockerHost }).then(
    () => true,
    () => false,
  )
}

/** Brings images of one engine to another. */
export async function copyImages(from: Engine, to: Engine, references: string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'deployer-images-'))
  try {
    await from.docker('save', '-o', join(folder, 'images.tar'), ...references)
    await to.docker('load', '-q', '-i', join(folder, 'images.tar'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
