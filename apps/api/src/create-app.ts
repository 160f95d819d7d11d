import { Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { sendAnswer } from './answer.ts'
import type { AppEnv } from './app-env.ts'
import { allowedMethods } from './gates/allowed-methods.ts'
import { nameClient, type ClientAddress } from './gates/client-address.ts'
import { harden } from './gates/harden.ts'
import type { Limits } from './gates/limits.ts'
import { createRefuseGetBody } from './gates/refuse-get-body.ts'
import { requestId } from './gates/request-id.ts'
import type { RefusalCounter } from './metrics/refusal-counter.ts'
import { Problem, problemAnswer } from './problem.ts'
import type { RefusalLog } from './refusal-log.ts'
import type { ApiContext } from './routes/context.ts'
import { deployRoutes } from './routes/deploy.ts'
import { docsRoutes } from './routes/docs.ts'
import { eventRoutes } from './routes/events.ts'
import { healthRoutes } from './routes/health.ts'
import { holdRoutes } from './routes/holds.ts'
import { hookRoutes } from './routes/hooks.ts'
import { hostRoutes } from './routes/hosts.ts'
import { jobRoutes } from './routes/jobs.ts'
import { notifyRoutes } from './routes/notify.ts'
import { stackRoutes } from './routes/stacks.ts'
import { updateRoutes } from './routes/updates.ts'

/** What stands behind it in a path may be a hook's token, whose place is no log. */
const HOOK_PATH = /(\/hooks\/).*/is

/**
 * Puts the HTTP application together. Each route has a gate of its own: `limits.open`, or `api.authenticate`.
 *
 * @param optional The routes of the dashboard and the metrics, where they are configured: otherwise there is nothing at their paths.
 * @param refusals Counts the requests that are turned away, and
 * @param refusalLog tells the log of them.
 */
export function createApp(
  api: ApiContext,
  clientAddress: ClientAddress,
  limits: Limits,
  optional: Hono<AppEnv>[],
  refusals: RefusalCounter,
  refusalLog: RefusalLog,
) {
  const app = new Hono<AppEnv>()
  app.use(requestId, harden)
  app.route('/', healthRoutes(api))
  app.use(nameClient(clientAddress), createRefuseGetBody(limits))
  app.route('/', docsRoutes(limits.open))
  for (const routes of optional) app.route('/', routes)
  app.route('/', deployRoutes(api))
  app.route('/', jobRoutes(api))
  app.route('/', eventRoutes(api))
  app.route('/', stackRoutes(api))
  app.route('/', updateRoutes(api))
  app.route('/', holdRoutes(api))
  app.route('/', hostRoutes(api))
  app.route('/', hookRoutes(api))
  app.route('/', notifyRoutes(api))
  app.notFound(async (c) => {
    await limits.stranger(c)
    const methods = allowedMethods(app, c.req.path)
    if (methods.length > 0) {
      const allow = methods.join(', ')
      return sendAnswer(c, problemAnswer(new Problem('method_not_allowed', `This path has ${allow}.`, { Allow: allow })))
    }
    return sendAnswer(c, problemAnswer(new Problem('not_found', 'The README lists what there is.')))
  })
  app.onError((error, c) => {
    if (error instanceof HTTPException) return error.getResponse()
    if (error instanceof Problem) {
      refusals.count(error.code)
      // Before the gates have found them out, these are not there.
      const found = c.var as Partial<AppEnv['Variables']>
      const who = { client: found.clientAddress ?? '', caller: found.caller?.key }
      const path = c.req.path.replace(HOOK_PATH, '$1…')
      refusalLog.tell({
        code: error.code,
        method: c.req.method,
        path,
        hook: found.hook?.id,
        ...who,
        request_id: found.requestId,
        err: error.cause,
      })
      return sendAnswer(c, problemAnswer(error))
    }
    api.logger.error({ event: 'request_failed', err: error, request_id: c.get('requestId') }, 'request failed')
    return sendAnswer(c, problemAnswer(new Problem('internal_error', `Look for request ${c.get('requestId')} in the log of the API.`)))
  })
  return app
}
