// Debian packages a task needs on the machine itself. Runs on whatever Node the machine has,
// before anything is installed, so it uses nothing but Node's own modules.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'

const PLUGIN_DIRS = [
  `${process.env.HOME ?? '/root'}/.docker/cli-plugins`,
  '/usr/local/lib/docker/cli-plugins',
  '/usr/local/libexec/docker/cli-plugins',
  '/usr/lib/docker/cli-plugins',
  '/usr/libexec/docker/cli-plugins',
]

const onPath = (program) => `${process.env.PATH}:/usr/sbin:/sbin`.split(':').some((dir) => dir && existsSync(`${dir}/${program}`))

const engineAnswers = () => spawnSync('docker', ['version'], { stdio: 'ignore' }).status === 0

/** Every need a task can name: how to see that it is met, what Debian calls it, what others should install. */
const NEEDS = {
  engine: {
    met: () => onPath('dockerd') || engineAnswers(),
    debian: ['docker.io/trixie', 'docker-cli/trixie', 'iptables'],
    otherwise: 'Docker Engine 24 or newer, running (https://docs.docker.com/engine/install/)',
  },
  ip: { met: () => onPath('ip'), debian: ['iproute2'], otherwise: 'ip (iproute2)' },
  docker: {
    met: () => onPath('docker'),
    debian: ['docker-cli/trixie'],
    otherwise: 'the docker command line',
  },
  compose: {
    met: () => PLUGIN_DIRS.some((dir) => existsSync(`${dir}/docker-compose`)),
    debian: ['docker-compose/trixie', 'docker-buildx/trixie'],
    otherwise: 'the Docker Compose plugin, v2.20 or newer (https://docs.docker.com/compose/install/linux/)',
  },
  redis: { met: () => onPath('redis-server'), debian: ['redis-server'], otherwise: 'redis-server 7 or newer' },
  setpriv: { met: () => onPath('setpriv') && onPath('flock'), debian: ['util-linux'], otherwise: 'util-linux (setpriv, flock)' },
  registry: {
    met: () => onPath('docker-registry'),
    debian: ['docker-registry'],
    otherwise: 'docker-registry (the CNCF distribution registry)',
  },
  busybox: { met: () => existsSync('/bin/busybox'), debian: ['busybox-static'], otherwise: 'a static busybox at /bin/busybox' },
  htpasswd: { met: () => onPath('htpasswd'), debian: ['apache2-utils'], otherwise: 'htpasswd (apache2-utils)' },
  debootstrap: { met: () => onPath('debootstrap'), debian: ['debootstrap'], otherwise: 'debootstrap' },
  curl: { met: () => onPath('curl'), debian: ['curl', 'ca-certificates'], otherwise: 'curl' },
  openssl: { met: () => onPath('openssl'), debian: ['openssl'], otherwise: 'openssl' },
  jq: { met: () => onPath('jq'), debian: ['jq'], otherwise: 'jq' },
  chromium: { met: () => onPath('chromium'), debian: ['chromium'], otherwise: 'Chromium at /usr/bin/chromium' },
  webhook: { met: () => onPath('webhook'), debian: ['webhook'], otherwise: "Debian's webhook (adnanh/webhook)" },
  nginx: { met: () => onPath('nginx'), debian: ['nginx'], otherwise: 'nginx' },
  caddy: { met: () => onPath('caddy'), debian: ['caddy'], otherwise: 'Caddy 2' },
  faketime: { met: () => onPath('faketime'), debian: ['faketime'], otherwise: 'faketime (libfaketime)' },
  smtp: {
    met: () => existsSync('/usr/lib/python3/dist-packages/aiosmtpd'),
    debian: ['python3-aiosmtpd'],
    otherwise: 'aiosmtpd for /usr/bin/python3 (python3-aiosmtpd)',
  },
  promtool: { met: () => onPath('promtool'), debian: ['prometheus'], otherwise: 'promtool (from Prometheus)' },
}

/** A whole system to try things on. */
const LAB = ['engine', 'ip', 'docker', 'compose', 'redis', 'setpriv', 'registry', 'busybox']

const NEEDED_BY = {
  start: ['engine', 'compose', 'setpriv'],
  worker: ['engine', 'compose', 'setpriv'],
  demo: LAB,
  test: [
    ...LAB,
    'htpasswd',
    'debootstrap',
    'curl',
    'openssl',
    'jq',
    'chromium',
    'webhook',
    'promtool',
    'nginx',
    'caddy',
    'faketime',
    'smtp',
  ],
  chaos: LAB,
  bench: [...LAB, 'webhook', 'debootstrap'],
}

/**
 * Makes sure that the system has what `task` needs: names what is missing, asks where a terminal can
 * answer, and installs it. Throws with what to install by hand where it may not.
 */
export async function ensurePackages(task, env = process.env) {
  const names = [...(NEEDED_BY[task] ?? [])]
  if (task === 'start' && !env.REDIS_URL && !env.REDIS_URL_FILE) names.push('redis')
  const missing = names.filter((name) => !NEEDS[name].met())
  if (missing.length === 0) return
  const packages = [...new Set(missing.flatMap((name) => NEEDS[name].debian))]
  const refusal = whyNotInstall()
  if (refusal) {
    throw new Error(
      `Missing on this machine: ${missing.join(', ')}. Not installed by itself, because ${refusal}.\n` +
        `Please install, then run this again:\n${missing.map((name) => `  - ${NEEDS[name].otherwise}`).join('\n')}`,
    )
  }
  process.stderr.write(
    `setup: missing on this machine: ${missing.join(', ')}\nsetup: these Debian packages go on the system: ${packages.join(' ')}\n`,
  )
  if (process.stdin.isTTY && !env.CI) {
    const prompt = createInterface({ input: process.stdin, output: process.stderr })
    const answer = await prompt.question('setup: install them now? [Y/n] ')
    prompt.close()
    if (/^n/i.test(answer.trim())) throw new Error('Nothing was installed. Install the packages above by hand, then run this again.')
  }
  install(packages)
  const still = missing.filter((name) => !NEEDS[name].met())
  if (still.length > 0) throw new Error(`Still missing after the installation: ${still.join(', ')}`)
}

/** The reason why packages cannot be installed here, or an empty string where they can. */
function whyNotInstall() {
  if (process.platform !== 'linux') return `${process.platform} is not Linux`
  if (!existsSync('/etc/debian_version') || !onPath('apt-get')) return 'this is not a Debian system'
  if (process.getuid?.() !== 0) return 'you are not root'
  return ''
}

/** Installs Debian packages without letting any of them start a service. */
function install(packages) {
  const policy = '/usr/sbin/policy-rc.d'
  const ours = !existsSync(policy)
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    const fromTrixie = packages.some((name) => name.endsWith('/trixie')) && releaseName() !== 'trixie'
    if (fromTrixie) addTrixieSource()
    const wanted = fromTrixie ? packages : packages.map((name) => name.replace('/trixie', ''))
    apt(['-o', 'Acquire::Retries=3', 'update', '-q'])
    apt(['-o', 'Acquire::Retries=3', 'install', '-y', '-q', '--no-install-recommends', ...wanted])
  } finally {
    if (ours) rmSync(policy, { force: true })
  }
}

function apt(args) {
  process.stderr.write(`setup: apt-get ${args.includes('update') ? 'update' : 'install'} …\n`)
  const run = spawnSync('apt-get', args, {
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    maxBuffer: 64 * 1024 * 1024,
  })
  if (run.status === 0) return
  throw new Error(`apt-get ${args.join(' ')} failed:\n${`${run.stdout}${run.stderr}`.split('\n').slice(-25).join('\n')}`)
}

function releaseName() {
  return /VERSION_CODENAME=(\S+)/.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? ''
}

/**
 * Compose v2 is in Debian 13 only. Its packages install on 12 from a source that is pinned low, so that
 * nothing else of the system moves. The mirror is the one that the machine already uses.
 */
function addTrixieSource() {
  const uris = execFileSync('apt-get', ['indextargets', '--format', '$(SITE) $(RELEASE)', 'Created-By: Packages'], {
    encoding: 'utf8',
  })
  const site = uris
    .split('\n')
    .map((line) => line.split(' '))
    .find(([uri, release]) => uri && new RegExp(`^${releaseName()}`).test(release ?? '') && /debian/.test(uri))?.[0]
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
  if (!site) throw new Error("No Debian mirror found in this machine's apt sources: add Debian 13 (trixie) by hand.")
  writeFileSync(
    '/etc/apt/sources.list.d/deployer-trixie.sources',
    `Types: deb\nURIs: ${site}\nSuites: trixie\nComponents: main\n${existsSync(keyring) ? `Signed-By: ${keyring}\n` : ''}`,
  )
  if (!readdirSync('/etc/apt').includes('preferences.d')) return
  writeFileSync('/etc/apt/preferences.d/deployer-trixie', 'Package: *\nPin: release n=trixie\nPin-Priority: 50\n')
}
