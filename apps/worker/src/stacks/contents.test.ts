import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, it } from 'vitest'
import { readContents } from './contents.ts'

const dir = mkdtempSync(join(tmpdir(), 'deployer-contents-'))
afterAll(() => rmSync(dir, { recursive: true }))
const paths = { name: 'media', dir, workingDir: '/opt/stacks/media' }
const own = { projectDir: paths.workingDir, files: [], envFiles: [] }
const write = (name: string, text: string) => writeFileSync(join(dir, name), text)
const read = () => readContents(paths, own).contents

const COMPOSE = 'services:\n  web:\n    image: app:1\n    env_file: [conf/web.env, { path: conf/none.env, required: false }]\n'

beforeEach(() => {
  mkdirSync(join(dir, 'conf'), { recursive: true })
  write('compose.yaml', COMPOSE)
  write('conf/web.env', 'LEVEL=info\n')
  write('.env', 'TAG=1\n')
})

it.each<[string, () => void, string[]]>([
  ['nothing', () => undefined, []],
  ['a time alone', () => utimesSync(join(dir, 'compose.yaml'), 1, 1), []],
  ['a comment', () => write('compose.yaml', `# mine\n${COMPOSE}`), []],
  ['what is for others', () => write('compose.yaml', `${COMPOSE}    x-owner: ana\nx-deployer: { watch: update }\n`), []],
  ['a comment among variables', () => write('.env', '# mine\n\nTAG=1\n'), []],
  ['an image', () => write('compose.yaml', COMPOSE.replace('app:1', 'app:2')), ['compose.yaml']],
  [
    'what a service takes from elsewhere',
    () => write('compose.yaml', `x-web: &web { init: true }\n${COMPOSE}    <<: *web\n`),
    ['compose.yaml'],
  ],
  ['what makes it no compose file', () => write('compose.yaml', 'services: [\n'), ['compose.yaml', 'conf/web.env']],
  ['a variable', () => write('.env', 'TAG=2\n'), ['.env']],
  ['the end of a value', () => write('.env', 'TAG=1#2\n'), ['.env']],
  ['a variable of a service', () => write('conf/web.env', 'LEVEL=debug\n'), ['conf/web.env']],
  ['a file that was not there', () => write('conf/none.env', 'A=1\n'), ['conf/none.env']],
  ['an override', () => write('compose.override.yaml', 'services: { web: { init: true } }\n'), ['compose.override.yaml']],
  ['a file that compose does not read', () => write('docker-compose.yml', 'services: {}\n'), []],
])('other contents after a change of %s', (_, change, expected) => {
  for (const name of ['conf/none.env', 'compose.override.yaml', 'docker-compose.yml']) rmSync(join(dir, name), { force: true })
  const before = read()
  change()
  const after = read()
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  expect(names.filter((name) => before[name] !== after[name]).sort()).toEqual(expected)
})

it('those of the files that a stack was started from, and of what they include and extend, round in circles too', () => {
  write(
    'prod.yaml',
    'include: [conf/more.yaml]\nservices: { web: { extends: { file: base.yaml, service: web } }, own: { extends: web } }\n',
  )
  write('base.yaml', 'include: [prod.yaml]\nservices: { web: { image: "app:1" } }\n')
  write('conf/more.yaml', 'services: { db: { image: "db:1", env_file: db.env, extends: { file: "$BASE/x.yaml", service: x } } }\n')
  write('conf/db.env', 'A=1\n')
  write('prod.env', 'TAG=1\n')
  const { workingDir } = paths
  const files = { projectDir: workingDir, files: [`${workingDir}/prod.yaml`], envFiles: [`${workingDir}/prod.env`] }
  const { contents, lookedFor } = readContents(paths, files)
  expect(Object.keys(contents).sort()).toEqual(['base.yaml', 'conf/db.env', 'conf/more.yaml', 'prod.env', 'prod.yaml'])
  expect(lookedFor.toSorted()).toEqual(
    Object.keys(contents)
      .map((name) => join(dir, name))
      .sort(),
  )
})

it('are empty where there is no file', () => {
  const { contents, lookedFor } = readContents({ ...paths, dir: join(dir, 'nowhere') }, own)
  expect([contents, lookedFor]).toEqual([{}, [join(dir, 'nowhere/.env')]])
})
