import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { settingsTable } from './settings-markdown.ts'

it.each(['README.md', 'README.pt-BR.md'])('%s has the settings table of the schema', (file) => {
  expect(readFileSync(join(import.meta.dirname, '..', file), 'utf8')).toContain(settingsTable())
})
