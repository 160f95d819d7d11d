import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { settingsTable } from './settings-markdown.ts'

it('docs/settings.md has the settings table of the schema', () => {
  expect(readFileSync(join(import.meta.dirname, '../docs/settings.md'), 'utf8')).toContain(settingsTable())
})
