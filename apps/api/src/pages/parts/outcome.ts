import type { Job } from '@deployer/shared/job'
import type { Html, View } from '../view.ts'
import { badge } from './badge.ts'

/** How a job stands or has ended. */
export function outcome({ words }: View, { state, code, rolled_back }: Pick<Job, 'state' | 'code' | 'rolled_back'>): Html {
  if (state === 'queued') return badge('quiet', 'wait', words.state.queued)
  if (state === 'running') return badge('info', 'run', words.state.running)
  if (state === 'succeeded') return badge('ok', 'ok', words.state.succeeded)
  if (state === 'canceled') return badge('quiet', 'off', words.state.canceled)
  if (rolled_back) return badge('warn', 'back', words.rolledBack)
  if (code === 'held') return badge('hold', 'hold', words.refused, words.codes.held)
  if (isRefusal(code)) return badge('warn', 'off', words.refused, words.codes[code])
  return badge('bad', 'bad', words.state.failed, code === null ? '' : words.codes[code])
}

/** Whether a job ended before anything was changed, since its stack was not to be deployed. */
export function isRefusal(code: Job['code']): code is Exclude<Job['code'], null> {
  return code !== null && code !== 'step_failed' && code !== 'rollback_failed' && code !== 'canceled'
}
