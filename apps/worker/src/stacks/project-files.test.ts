import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { Container } from '../ports.ts'
import { findProjectFiles } from './project-files.ts'

const dir = mkdtempSync(join(tmpdir(), 'deployer-files-'))
const [base = '', more = '', dotEnv = ''] = ['compose.yaml', 'prod.yaml', '.env'].map((name) => join(dir, name))
for (const file of [base, more, dotEnv]) writeFileSync(file, '')
const paths = { name: 'media', dir, workingDir: dir }
const from = (configFiles: string[], envFiles: string[] = []) => ({ configFiles, envFiles, workingDir: dir, project: 'media' }) as Container
const find = (...containers: Container[]) => findProjectFiles(paths, containers, null)

it('the files that compose finds by itself are not named', () => {
  expect(find()).toEqual({ projectDir: dir, files: [], envFiles: [] })
  expect(find(from([base], [dotEnv]))).toEqual({ projectDir: dir, files: [], envFiles: [] })
})

it('of services that were started with fewer files than others all files are taken', () => {
  const all = { projectDir: dir, files: [base, more], envFiles: [] }
  expect(find(from([base]), from([base, more]))).toEqual(all)
  expect(find(from([base, more]), from([base]))).toEqual(all)
})

it('what Deployer itself has made from a kept release does not count', () => {
  expect(find(from(['-']), from([base, more]))).toMatchObject({ files: [base, more] })
  expect(findProjectFiles(paths, [from(['-'])], { projectDir: dir, files: [base, more], envFiles: [] })).toMatchObject({
    files: [base, more],
  })
})

it.each([
  ['elsewhere', '/tmp/elsewhere.yaml'],
  ['gone', join(dir, 'gone.yaml')],
])('files that are %s are missed', (_, file) => {
  expect(() => find(from([base, file]))).toThrow(file)
  expect(() => find(from([base], [file]))).toThrow(file)
})
