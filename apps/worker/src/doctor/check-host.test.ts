import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { checkCompose } from './check-host.ts'

it.each([
  ['2.20.0', 'ok'],
  ['v2.40.3', 'ok'],
  ['3.0.0', 'ok'],
  ['5.1.2', 'ok'],
  ['2.19.9', 'mend'],
  ['1.29.2', 'mend'],
  ['', 'mend'],
])('Compose %s is %s', async (version, level) => {
  const home = mkdtempSync(join(tmpdir(), 'deployer-doctor-'))
  mkdirSync(join(home, '.docker/cli-plugins'), { recursive: true })
  writeFileSync(join(home, '.docker/cli-plugins/docker-compose'), `#!/bin/sh\necho ${version}\n`, { mode: 0o755 })
  const levels: string[] = []
  await checkCompose({ HOME: home, PATH: process.env['PATH'] }, (finding) => levels.push(finding.level))
  expect(levels).toEqual([level])
})
