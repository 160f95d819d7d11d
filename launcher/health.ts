// The image's health check. It imports nothing of the project: it starts every 30 seconds, and should cost nothing.
import { readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The worker touches this file at each heartbeat that reached Redis. */
const HEARTBEAT_FILE = join(tmpdir(), 'deployer-worker-alive')
/** Milliseconds. */
const OLDEST = 20_000

// The container's first process is `tini -- node launcher/main.ts <role>`.
const role = readFileSync('/proc/1/cmdline', 'utf8').split('\0').findLast(Boolean)
if (role !== 'api' && Date.now() - statSync(HEARTBEAT_FILE).mtimeMs > OLDEST) throw new Error('the worker has no heartbeat')
if (role !== 'worker') {
  const answer = await fetch(`http://127.0.0.1:${process.env['PORT'] ?? 8080}/health`)
  if (!answer.ok) throw new Error(`the API answers ${answer.status}`)
}
