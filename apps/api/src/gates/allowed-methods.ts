import type { Hono } from 'hono'
import type { AppEnv } from '../app-env.ts'

/** The methods that a path has routes for, HEAD beside GET; none where there is nothing at that path. */
export function allowedMethods(app: Hono<AppEnv>, path: string): string[] {
  // A gate or the dashboard's headers are for all methods, and no route.
  const methods = app.routes.filter(({ method, path: pattern }) => method !== 'ALL' && fits(pattern, path)).map(({ method }) => method)
  return [...new Set(methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])))]
}

/** Whether a path is one of a route's, part by part: `:id` stands for one part, `*` at the end for any number. */
function fits(pattern: string, path: string): boolean {
  const wanted = pattern.split('/')
  const parts = path.split('/')
  if (wanted.at(-1) !== '*' && wanted.length !== parts.length) return false
  return wanted.every((part, index) => part === '*' || (part.startsWith(':') ? Boolean(parts[index]) : part === parts[index]))
}
