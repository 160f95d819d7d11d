import type { Finding } from '@deployer/shared/finding'
import type { Terminal } from '../context.ts'

/** Looks at this host; see `deployer doctor --help`. */
export type Doctor = (say: (finding: Finding) => void) => Promise<Finding[]>

const MARKS: Record<Finding['level'], string> = { ok: '✓', hint: '•', mend: '✗' }

/** `deployer doctor`: a line per finding, and what to do. @returns 1 if something must be mended. */
export async function showFindings(doctor: Doctor, json: boolean | undefined, terminal: Terminal): Promise<number> {
  const findings = await doctor((finding) => {
    if (!json) terminal.print(`${MARKS[finding.level]} ${finding.what}${finding.todo ? `. ${finding.todo}` : ''}`)
  })
  const mend = findings.filter(({ level }) => level === 'mend').length
  if (json) terminal.print(JSON.stringify(findings))
  else terminal.print(mend === 0 ? '\nNothing must be mended.' : `\n${mend} to be mended.`)
  return mend === 0 ? 0 : 1
}
