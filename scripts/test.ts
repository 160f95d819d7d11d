// `npm test`: every check and every test, with one line at the end that counts them. With `--newest`, on the newest engine and compose that Debian has.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fetchNewestPair } from '../lab/newest-pair.ts'

const root = join(import.meta.dirname, '..')
const bin = (name: string) => join(root, 'node_modules/.bin', name)

/** The lab's engine, docker and compose collect garbage less often: a tenth of the processor time of a run. A worker passes it on to no compose. */
const GARBAGE_COLLECTION = { GOGC: '400' }

const CHECKS: [what: string, program: string, args: string[]][] = [
  ['format', 'oxfmt', ['--check', '.']],
  ['lint and import rules', 'oxlint', ['--deny-warnings']],
  ['types', 'tsc', ['-p', '.']],
  ['dead code', 'knip', ['--no-progress', '--no-config-hints']],
]

let passed = 0
let failed = 0

function check(what: string, program: string, args: string[]): void {
  const run = spawnSync(bin(program), args, { cwd: root, encoding: 'utf8' })
  const ok = run.status === 0
  if (ok) passed++
  else failed++
  process.stdout.write(` ${ok ? '✓' : '✗'} ${what} (${program})\n${ok ? '' : `${run.stdout}${run.stderr}\n`}`)
}

function runTests(filters: string[], env: Record<string, string>): void {
  const folder = mkdtempSync(join(tmpdir(), 'deployer-test-'))
  const report = join(folder, 'report.json')
  const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...filters]
  // What tests leave among the temporary files goes with the run.
  const run = spawnSync(bin('vitest'), args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...GARBAGE_COLLECTION, TMPDIR: folder, ...env },
  })
  const counts = JSON.parse(readFileSync(report, 'utf8')) as { numPassedTests: number; numFailedTests: number; numPendingTests: number }
  rmSync(folder, { recursive: true, force: true })
  passed += counts.numPassedTests
  // A test that was skipped has not been passed, and a suite that broke before its tests has no failed test of its own.
  failed += counts.numFailedTests + counts.numPendingTests
  if (run.status !== 0 && failed === 0) failed++
}

const args = process.argv.slice(2)
const newest = args.includes('--newest')
const filters = args.filter((arg) => arg !== '--newest')
if (filters.length === 0) for (const [what, program, args] of CHECKS) check(what, program, args)
runTests(filters, newest ? await fetchNewestPair() : {})
process.stdout.write(`\n${passed} passed, ${failed} failed\n`)
process.exit(failed === 0 ? 0 : 1)
