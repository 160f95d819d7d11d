// Writes the settings table of docs/settings.md out of the schema; `--check` only tells whether it fits.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { settingsTable } from './settings-markdown.ts'

const BEGIN = '<!-- settings: made by `npm run settings` -->'
const END = '<!-- /settings -->'
const FILE = 'docs/settings.md'
const path = join(import.meta.dirname, '..', FILE)
const text = readFileSync(path, 'utf8')
const from = text.indexOf(BEGIN)
const to = text.indexOf(END)
if (from < 0 || to < from) throw new Error(`${FILE} has no place for the settings table`)
const made = `${text.slice(0, from)}${BEGIN}\n${settingsTable()}\n${text.slice(to)}`
if (made !== text && process.argv.includes('--check')) {
  process.stderr.write(`The settings table of ${FILE} does not fit the schema: run \`npm run settings\`.\n`)
  process.exitCode = 1
} else if (made !== text) {
  writeFileSync(path, made)
  process.stdout.write(`${FILE}: settings table written\n`)
}
