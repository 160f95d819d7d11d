import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { buildDeployerImage, DEPLOYER_IMAGE } from '../../lab/deployer-image.ts'
import { engine } from '../support.ts'

const repository = join(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(join(repository, file), 'utf8')
const lock = parse(read('pnpm-lock.yaml'))

describe('the supply chain', () => {
  it('names an exact version of each dependency, and the lock file a checksum of each package', () => {
    for (const file of ['package.json', ...globSync('{apps,packages}/*/package.json', { cwd: repository })]) {
      const { dependencies = {}, devDependencies = {} } = JSON.parse(read(file))
      for (const [name, version] of Object.entries<string>({ ...dependencies, ...devDependencies })) {
        expect(version, `${name} in ${file}`).toMatch(/^(workspace:\*|\d+\.\d+\.\d+)$/)
      }
    }
    for (const [name, { resolution }] of Object.entries<any>(lock.packages)) expect(resolution.integrity, name).toMatch(/^sha512-/)
  })

  it('runs the install script of node alone', () => {
    const allowed = Object.entries(parse(read('pnpm-workspace.yaml')).allowBuilds).filter(([, allow]) => allow)
    expect(allowed).toEqual([['node', true]])
  })

  it('pins every action of the workflows to a commit, and gives each workflow no more than it needs', () => {
    for (const file of globSync('.github/workflows/*.yml', { cwd: repository })) {
      const workflow = parse(read(file))
      expect(workflow.permissions, file).toEqual({ contents: 'read' })
      // A job that is another workflow of these has no steps.
      const steps = Object.values<any>(workflow.jobs).flatMap(({ steps = [] }) => steps)
      for (const { uses } of steps.filter(({ uses }) => uses !== undefined)) expect(uses).toMatch(/^[\w-]+\/[\w/-]+@[0-9a-f]{40}$/)
    }
  })
})

describe("the image's bill of materials", () => {
  beforeAll(() => buildDeployerImage(engine), 400_000)

  it('is CycloneDX, and lists what is in the image: npm packages, Node and Debian packages', async () => {
    const print = `fs.readFileSync('/app/sbom.cdx.json', 'utf8')`
    const bom = JSON.parse(await engine.docker('run', '--rm', '--entrypoint', 'node', DEPLOYER_IMAGE, '-p', print))
    expect(bom).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.6', metadata: { component: { name: 'deployer' } } })
    const purls = bom.components.map(({ purl }: any) => purl)
    expect(new Set(purls).size).toBe(purls.length)
    for (const start of [
      'pkg:npm/hono@',
      'pkg:npm/%40hono/node-server@',
      'pkg:npm/bullmq@',
      'pkg:generic/node@26.',
      'pkg:deb/debian/redis-server@',
    ]) {
      expect(
        purls.some((purl: string) => purl.startsWith(start)),
        start,
      ).toBe(true)
    }
    for (const name of ['docker-compose', 'tini', 'util-linux', 'libc6', 'libssl3t64']) {
      expect(
        purls.some((purl: string) => purl.startsWith(`pkg:deb/debian/${name}@`)),
        name,
      ).toBe(true)
    }
    // What is there is listed, and nothing that is only for development is there.
    expect(purls.some((purl: string) => /pkg:npm\/(vitest|typescript|oxlint|playwright-core)@/.test(purl))).toBe(false)
    const count = `fs.readdirSync('/app/node_modules/.pnpm').filter((name) => name.includes('@')).length`
    const installed = Number(await engine.docker('run', '--rm', '--entrypoint', 'node', DEPLOYER_IMAGE, '-p', count))
    expect(purls.filter((purl: string) => purl.startsWith('pkg:npm/')).length).toBeGreaterThanOrEqual(installed - 5)
  })

  it('brings the command line, and the page of the API with all that it needs', async () => {
    expect(await engine.docker('run', '--rm', '--entrypoint', 'deployer', DEPLOYER_IMAGE, '--version')).toMatch(/^\d+\.\d+\.\d+\n$/)
    const bundle = `fs.statSync(new URL('browser/standalone.js', import.meta.resolve('@scalar/api-reference'))).size`
    const script = `import fs from 'node:fs'; console.log(${bundle})`
    const args = ['run', '--rm', '-w', '/app/apps/api', '--entrypoint', 'node', DEPLOYER_IMAGE, '--input-type=module', '-e', script]
    expect(Number(await engine.docker(...args))).toBeGreaterThan(1_000_000)
  })
})
