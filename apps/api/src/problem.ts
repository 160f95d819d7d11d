import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { OutcomeCode } from '@deployer/shared/job'
import type { Answer } from './answer.ts'

/** The one table from codes to answers: HTTP status and title. */
export const PROBLEMS = {
  invalid_json: [400, 'The body is not JSON'],
  body_not_allowed: [400, 'A GET has no body'],
  signature_missing: [401, 'The request is not signed'],
  signature_invalid: [401, 'The signature does not hold'],
  signature_expired: [401, 'The signature is too old or from the future'],
  signature_replayed: [401, 'The signature has been used before'],
  token_invalid: [401, 'The token is not accepted'],
  login_missing: [401, 'This needs a login'],
  login_invalid: [401, 'The login is not accepted'],
  forbidden: [403, 'This is not allowed'],
  not_found: [404, 'There is nothing here'],
  stack_not_found: [404, 'There is no such stack'],
  job_not_found: [404, 'There is no such job'],
  host_not_found: [404, 'There is no such host'],
  service_not_found: [404, 'There is no such service'],
  not_running: [409, 'The stack is not running'],
  path_mismatch: [409, 'Refused: the stack was started from another path'],
  project_conflict: [409, 'Refused: the project name belongs to another folder'],
  stack_outside_root: [409, 'Refused: the stack leads out of the stacks folder'],
  files_mismatch: [409, 'Refused: the stack was started from other files'],
  variable_unset: [409, 'Refused: a variable has no value'],
  disk_full: [409, 'Refused: too little room on the disk'],
  held: [409, 'Refused: the stack is held'],
  no_data_volume: [409, 'Refused: what is kept of releases would be lost'],
  wrong_image: [409, 'Refused: the image is not the expected one'],
  release_not_found: [404, 'There is no such release'],
  stack_busy: [409, 'Refused: something else has locked the stack'],
  nothing_to_roll_back: [409, 'Refused: there is no deploy to go back to'],
  stack_ambiguous: [409, 'Several hosts have this stack'],
  host_online: [409, 'The host is not away'],
  no_update: [409, 'There is nothing newer'],
  canceled: [409, 'The job was canceled'],
  not_cancelable: [409, 'The job cannot be canceled any more'],
  method_not_allowed: [405, 'There is no such method here'],
  request_timeout: [408, 'The request came in too slowly'],
  body_too_large: [413, 'The body is too large'],
  path_too_long: [414, 'The path is too long'],
  invalid_request: [422, 'The request is not valid'],
  stack_mismatch: [422, 'Path and body name different stacks'],
  too_many_held: [429, 'Too many answers are being held'],
  rate_limited: [429, 'Too many requests'],
  step_failed: [500, 'A step of the deploy failed'],
  rollback_failed: [500, 'A step of the deploy failed, and so did the way back'],
  internal_error: [500, 'Something went wrong here'],
  issuer_unavailable: [503, "The keys of the token's issuer cannot be had"],
  queue_unavailable: [503, 'The queue cannot be written'],
} as const satisfies Record<OutcomeCode | (string & {}), readonly [ContentfulStatusCode, string]>
export type ProblemCode = keyof typeof PROBLEMS

/** An answer that is not a success; thrown anywhere in a request, and turned into problem details at the edge. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: ProblemCode
  readonly headers: Record<string, string>
  readonly members: Record<string, unknown>

  /**
   * @param detail What to do about it.
   * @param members Further members of the problem details.
   */
  constructor(code: ProblemCode, detail: string, headers: Record<string, string> = {}, members: Record<string, unknown> = {}) {
    super(detail)
    this.code = code
    this.headers = headers
    this.members = members
  }
}

/** Redis is away. @param detail What that means for this request. */
export function queueUnavailable(cause?: unknown, detail = 'Redis cannot be reached. Nothing was accepted: try again.'): Problem {
  const problem = new Problem('queue_unavailable', detail, { 'Retry-After': '5' })
  problem.cause = cause
  return problem
}

/** RFC 9457 problem details, which also carry `ok` and the stable code. */
export function problemBody(
  status: number,
  title: string,
  detail: string,
  code: ProblemCode,
  members: Record<string, unknown> = {},
): string {
  return JSON.stringify({ type: 'about:blank', title, status, detail, ok: false, code, ...members })
}

/** The ways to prove oneself (RFC 9110, section 11.6.1); none that a browser would ask a password for. */
const CHALLENGE = { 'WWW-Authenticate': 'HMAC-SHA256 realm="Deployer", Bearer realm="Deployer"' }

/** A problem as an answer. */
export function problemAnswer(problem: Problem): Answer {
  const [status, title] = PROBLEMS[problem.code]
  const body = problemBody(status, title, problem.message, problem.code, problem.members)
  const headers = { 'Content-Type': 'application/problem+json', ...(status === 401 ? CHALLENGE : {}), ...problem.headers }
  return { status, headers, body }
}
