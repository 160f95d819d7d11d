import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { unpackDebian } from './unpack-debian.ts'

const LIBRARIES = ['libc6', 'libsystemd0', 'libatomic1', 'libjemalloc2', 'liblua5.1-0', 'liblzf1', 'libzstd1', 'libgcc-s1', 'libstdc++6']
const COMMON = [...LIBRARIES, 'libcap2', 'liblz4-1', 'liblzma5', 'libgcrypt20', 'libgpg-error0', 'zlib1g']

/** Those that a service may meet, and that this machine's Debian may not have. */
const OTHERS = {
  'valkey-8': { suite: 'trixie', packages: ['valkey-server', 'valkey-tools', 'libssl3t64'], program: 'usr/bin/valkey-server' },
  'redis-6': {
    suite: 'bullseye',
    packages: ['redis-server', 'redis-tools', 'libssl1.1', 'libhiredis0.14', 'lua-cjson', 'lua-bitop'],
    program: 'usr/bin/redis-server',
  },
}

/** Brings another Redis, with the libraries that it was made for. @returns Its command line, without options. */
export async function otherRedis(name: keyof typeof OTHERS): Promise<string[]> {
  const { suite, packages, program } = OTHERS[name]
  const root = await unpackDebian(join('/var/lib/deployer-lab', name), suite, [...packages, ...COMMON])
  const machine = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu'
  const folders = ['lib', 'usr/lib'].map((folder) => join(root, folder, machine))
  const loader = folders.flatMap((folder) => list(folder).flatMap((file) => (/^ld-(2|linux)/.test(file) ? [join(folder, file)] : [])))
  return [loader[0] ?? '', '--library-path', folders.join(':'), join(root, program)]
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}
