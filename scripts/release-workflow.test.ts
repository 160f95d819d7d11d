import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { parse } from 'yaml'

const root = join(import.meta.dirname, '..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const release = parse(read('.github/workflows/release.yml'))
const manifest = JSON.parse(read('package.json'))

describe('the release workflow', () => {
  it('publishes nothing before all of CI has passed', () => {
    expect(parse(read('.github/workflows/ci.yml')).on).toHaveProperty('workflow_call')
    expect(release.on).toEqual({ push: { tags: ['v*'] } })
    const { ci, ...others } = release.jobs
    expect(ci.uses).toBe('./.github/workflows/ci.yml')
    const waits = (name: string): boolean => name === 'ci' || [release.jobs[name].needs ?? []].flat().some(waits)
    for (const name of Object.keys(others)) expect(waits(name), name).toBe(true)
    // A job with a condition of its own could run although what it needs has failed.
    expect(JSON.stringify(release)).not.toMatch(/"if":|always\(\)|continue-on-error/)
  })

  it('builds for both processors, each on a machine of its kind', () => {
    const { strategy, steps } = release.jobs.build
    expect(strategy.matrix.include).toEqual([
      { arch: 'amd64', runner: 'ubuntu-24.04' },
      { arch: 'arm64', runner: 'ubuntu-24.04-arm' },
    ])
    expect(steps.find(({ id }: any) => id === 'push').with.platforms).toBe('linux/${{ matrix.arch }}')
  })

  it('has the right to write packages where it pushes, and nowhere else', () => {
    expect(release.permissions).toEqual({ contents: 'read' })
    expect(release.jobs.ci.permissions).toBeUndefined()
    expect(release.jobs.build.permissions).toEqual({ contents: 'read', packages: 'write' })
  })

  /** Runs the script that names the images, with a `docker` that notes what it is told. */
  function publish(tag: string): { calls: string[]; outputs: string } {
    const folder = mkdtempSync(join(tmpdir(), 'deployer-release-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const [calls, outputs] = [join(folder, 'calls'), join(folder, 'outputs')]
    writeFileSync(join(folder, 'docker'), `#!/bin/sh\necho "$@" >> ${calls}\necho sha256:both\n`, { mode: 0o755 })
    const env = { AMD64: 'sha256:a', ARM64: 'sha256:b', GITHUB_REPOSITORY: 'Me/Deployer', GITHUB_REF_NAME: tag, GITHUB_OUTPUT: outputs }
    const path = `${folder}:${process.env['PATH']}`
    execFileSync(join(root, '.github/publish-image.sh'), { cwd: root, env: { ...env, PATH: path }, stdio: 'pipe' })
    return { calls: readFileSync(calls, 'utf8').split('\n'), outputs: readFileSync(outputs, 'utf8') }
  }

  it('names what it has built by version and `latest`', () => {
    const { calls, outputs } = publish(`v${manifest.version}`)
    const name = 'ghcr.io/me/deployer'
    const minor = manifest.version.split('.').slice(0, 2).join('.')
    const tags = [manifest.version, minor, 'latest'].map((tag) => `--tag=${name}:${tag}`).join(' ')
    expect(calls[0]).toBe(`buildx imagetools create ${tags} ${name}@sha256:a ${name}@sha256:b`)
    expect(outputs).toBe(`name=${name}\ndigest=sha256:both\n`)
  })

  it('refuses a tag that is not the version of the package', () => {
    expect(() => publish('v99.0.0')).toThrow(/package\.json has/)
  })
})

describe('what the image is built from', () => {
  it('is one exact Node everywhere, in the Dockerfile by digest', () => {
    const node = manifest.devDependencies.node
    expect(read('Dockerfile')).toMatch(new RegExp(`^ARG NODE_IMAGE=node:${node}-trixie-slim@sha256:[0-9a-f]{64}$`, 'm'))
    expect(read('Dockerfile').match(/^FROM .*/gm)).toEqual(['FROM ${NODE_IMAGE} AS build', 'FROM scratch'])
    expect(parse(read('.github/workflows/ci.yml')).jobs.test.container.image).toBe(`node:${node}-trixie`)
  })

  it('is one exact pnpm, which package.json alone names', () => {
    expect(manifest.packageManager).toMatch(/^pnpm@\d+\.\d+\.\d+$/)
    for (const file of ['Dockerfile', 'scripts/run.mjs', '.github/workflows/ci.yml']) {
      expect(read(file), file).toContain('packageManager')
      expect(read(file), file).not.toMatch(/pnpm@/)
    }
  })
})
