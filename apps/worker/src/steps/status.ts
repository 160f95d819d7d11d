import type { Container } from '../ports.ts'

/** States in which a service counts as running: one that restarts over and over is what a deploy may have to mend. */
const RUNNING = new Set(['running', 'restarting', 'paused'])

export function isRunning(container: Container): boolean {
  return RUNNING.has(container.state)
}

/** The names of the running services, each once, sorted. */
export function runningServices(containers: Container[]): string[] {
  return [...new Set(containers.filter(isRunning).map((container) => container.service))].sort()
}
