import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const read = (file: string) => readFileSync(join(import.meta.dirname, '..', file), 'utf8')

it('docs/errors.md has every code of the API under its status, and no other', () => {
  const table = [...read('apps/api/src/problem.ts').matchAll(/^ {2}(\w+): \[(\d{3}), /gm)].map(([, code = '', status]) => [
    code,
    Number(status),
  ])
  expect(table.length).toBeGreaterThan(40)
  const rows = [...read('docs/errors.md').matchAll(/^\| ([\d, ]+) \| ([^|]+) \|/gm)]
  const told = rows.flatMap(([, statuses = '', codes = '']) => {
    const list = statuses.split(', ')
    return [...codes.matchAll(/`(\w+)`/g)].map(([, code = ''], index) => [code, Number(list[index] ?? list[0])])
  })
  expect(Object.fromEntries(told)).toEqual(Object.fromEntries(table))
})
