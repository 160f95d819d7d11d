import { randomBytes, randomInt } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startChild } from './child.ts'
import { command } from './command.ts'
import { answers, engineAt, type Engine } from './engine.ts'
import { until } from './until.ts'

/** An engine that can be ended and frozen while it is in use: nobody else is on it. */
export interface OwnEngine extends Engine {
  /** Ends it, and starts it again after so many milliseconds. */
  restart(signal: 'SIGTERM' | 'SIGKILL', pause: number): Promise<void>
  /** Stops its process where it is for so many milliseconds: it takes connections and answers nothing. */
  freeze(milliseconds: number): Promise<void>
  stop(): Promise<void>
}

/** As it is now: another engine's programs may have been put first. */
const programs = () => ({ PATH: `${process.env['PATH']}:/usr/sbin:/sbin` })

/**
 * Starts an engine with a folder and a bridge of its own. It sets no rules of the kernel's, of which there are only the machine's: another engine's
 * would go with each of its restarts. Its containers reach each other, and are reached on their published ports.
 *
 * @param liveRestore Whether its containers run on while it is away.
 * @param mirror What it asks for what is Docker Hub's.
 */
export async function startOwnEngine({ liveRestore, mirror }: { liveRestore: boolean; mirror?: string }): Promise<OwnEngine> {
  const name = randomBytes(3).toString('hex')
  const home = `/var/lib/deployer-lab-${name}`
  const bridge = `dlab-${name}`
  mkdirSync(home, { recursive: true, mode: 0o711 })
  const dockerHost = `unix://${join(home, 'docker.sock')}`
  const folders = `--data-root ${home}/data --exec-root ${home}/exec --pidfile ${home}/pid`
  const block = `10.${randomInt(100, 200)}`
  const addresses = `${block}.0.0/16`
  const ip = (...args: string[]) => command('ip', args, programs())
  // Not `--bridge none`: an engine that is told so removes the machine's docker0.
  await ip('link', 'add', bridge, 'type', 'bridge')
  await ip('address', 'add', `${block}.255.1/24`, 'dev', bridge)
  await ip('link', 'set', bridge, 'up')
  const network = `--bridge ${bridge} --iptables=false --ip6tables=false --default-address-pool base=${addresses},size=24`
  const options =
    `-H ${dockerHost} ${folders} ${network} --log-level error ${liveRestore ? '--live-restore' : ''} ${mirror ? `--registry-mirror ${mirror}` : ''}`
      .trim()
      .split(/ +/)
  // Other engines of this machine have the kernel drop what no rule lets pass, also within one bridge.
  const pass = (what: '-I' | '-D') => command('iptables', [what, 'FORWARD', '-s', addresses, '-d', addresses, '-j', 'ACCEPT'], programs())
  await pass('-I')
  const start = async () => {
    const child = startChild('dockerd', options, programs())
    await until(
      'an answer of dockerd',
      () => {
        if (child.process.exitCode !== null) throw new Error(`dockerd ended: ${child.output().slice(-2000)}`)
        return answers(dockerHost)
      },
      180,
    )
    return child
  }
  let child = await start()
  const engine = engineAt(dockerHost)
  return {
    ...engine,
    async restart(signal, pause) {
      await child.stop(signal)
      await delay(pause)
      const system = await ip('-j', 'address', 'show', 'docker0').catch(() => null)
      child = await start()
      if (system !== null) await restoreDocker0(system)
    },
    async freeze(milliseconds) {
      child.process.kill('SIGSTOP')
      await delay(milliseconds)
      child.process.kill('SIGCONT')
    },
    async stop() {
      const ids = (await engine.docker('ps', '-aq')).split('\n').filter(Boolean)
      if (ids.length > 0) await engine.docker('rm', '-f', ...ids)
      // Their bridges would outlive it.
      await engine.docker('network', 'prune', '-f')
      await child.stop()
      await pass('-D')
      await ip('link', 'delete', bridge)
      // One that was killed leaves mounts behind.
      const mounts = readFileSync('/proc/mounts', 'utf8')
        .split('\n')
        .flatMap((line) => line.split(' ')[1] ?? [])
      for (const mount of mounts.filter((path) => path.startsWith(`${home}/`)).reverse()) await command('umount', ['-l', mount], programs())
      rmSync(home, { recursive: true, force: true })
    },
  }
}

/** An engine that starts again with address pools of its own removes docker0, whosever it is (seen with 26.1). @param former What `ip -j address` said. */
async function restoreDocker0(former: string): Promise<void> {
  if (existsSync('/sys/class/net/docker0')) return
  const [{ addr_info: addresses = [] } = {}] = JSON.parse(former) as {
    addr_info?: { local: string; prefixlen: number; family: string }[]
  }[]
  await command('ip', ['link', 'add', 'docker0', 'type', 'bridge'], programs())
  for (const { local, prefixlen, family } of addresses) {
    if (family === 'inet') await command('ip', ['address', 'add', `${local}/${prefixlen}`, 'dev', 'docker0'], programs())
  }
  await command('ip', ['link', 'set', 'docker0', 'up'], programs())
}
