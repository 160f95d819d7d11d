import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** How a step of a workflow ended. */
export interface ActionRun {
  code: number
  log: string
  outputs: Record<string, string>
  /** What it wrote for the job's summary. */
  summary: string
}

const SCRIPT = join(import.meta.dirname, '../action/deploy.sh')

/**
 * Runs the action's script as a step of a workflow does, with GitHub's environment files stood in.
 *
 * @param inputs By their names in upper case: `URL`, `SECRET`, …
 * @param env What a workflow sets besides.
 */
export async function runAction(inputs: Record<string, string>, env: Record<string, string> = {}): Promise<ActionRun> {
  const folder = mkdtempSync(join(tmpdir(), 'deployer-action-'))
  const files = { GITHUB_OUTPUT: join(folder, 'output'), GITHUB_STEP_SUMMARY: join(folder, 'summary') }
  for (const file of Object.values(files)) writeFileSync(file, '')
  const given = Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name}`, value]))
  const environment = { PATH: process.env['PATH'], GITHUB_ACTIONS: 'true', ...files, ...given, ...env }
  const { code, log } = await new Promise<{ code: number; log: string }>((resolve) => {
    const child = execFile(SCRIPT, { env: environment }, (_, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, log: stdout + stderr })
    })
  })
  const outputs = Object.fromEntries(
    readFileSync(files.GITHUB_OUTPUT, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
  return { code, log, outputs, summary: readFileSync(files.GITHUB_STEP_SUMMARY, 'utf8') }
}
