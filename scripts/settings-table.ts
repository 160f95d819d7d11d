// Writes the settings table of the READMEs out of the schema; `--check` only tells whether it fits.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { settingsTable } from './settings-markdown.ts'

const BEGIN = '<!-- settings: made by `npm run settings` -->'
const END = '<!-- /settings -->'
const root = join(import.meta.dirname, '..')

for (const file of ['README.md', 'README.pt-BR.md']) {
  const path = join(root, file)
  const text = readFileSync(path, 'utf8')
  const from = text.indexOf(BEGIN)
  const to = text.indexOf(END)
  if (from < 0 || to < from) throw new Error(`${file} has no place for the settings table`)
  const made = `${text.slice(0, from)}${BEGIN}\n${settingsTable()}\n${text.slice(to)}`
  if (made === text) continue
  if (process.argv.includes('--check')) {
    process.stderr.write(`The settings table of ${file} does not fit the schema: run \`npm run settings\`.\n`)
    process.exitCode = 1
  } else {
    writeFileSync(path, made)
    process.stdout.write(`${file}: settings table written\n`)
  }
}
