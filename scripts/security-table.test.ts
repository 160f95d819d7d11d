import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')
const page = readFileSync(join(root, 'SECURITY.md'), 'utf8')
const [, section = ''] = /^## What was tried\n([^]*?)^## /m.exec(page) ?? []
const rows = section
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .slice(2)
  .map((line) => line.slice(2, -2).split(' | '))

describe('the table of what was tried, in SECURITY.md', () => {
  it.each(rows)('%s: %s', (...cells) => {
    expect(cells).toHaveLength(4)
    const named = [...(cells[3] ?? '').matchAll(/`([^`]+)`: "([^"]+)"/g)]
    expect(named.length).toBeGreaterThan(0)
    for (const [, file = '', title = ''] of named) {
      expect(readFileSync(join(root, `${file}.test.ts`), 'utf8').replaceAll("\\'", "'"), `${file}: ${title}`).toContain(title)
    }
  })

  it('has rows', () => expect(rows.length).toBeGreaterThan(20))
})
