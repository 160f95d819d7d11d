import type { Settings } from '@deployer/shared/settings'
import type { LockSettings } from './lock/stack-lock.ts'
import type { DeployLimits } from './pipeline/deploy.ts'

/** The settings that a deploy obeys. */
export function deployLimits(settings: Settings): DeployLimits {
  return {
    statusTimeout: settings.STATUS_TIMEOUT,
    configTimeout: settings.CONFIG_TIMEOUT,
    pullTimeout: settings.PULL_TIMEOUT,
    upTimeout: settings.UP_TIMEOUT,
    healthTimeout: settings.HEALTH_TIMEOUT,
    rollback: settings.ROLLBACK,
  }
}

/** The settings that locking obeys. */
export function lockSettings(settings: Settings, env: NodeJS.ProcessEnv): LockSettings {
  return { dataDir: settings.DATA_DIR, timeout: settings.LOCK_TIMEOUT, searchPath: env['PATH'] ?? '' }
}

/** The same as `NAME=value`, with where the stacks are, for a helper. */
export function helperEnv(settings: Settings, env: NodeJS.ProcessEnv): string[] {
  const names = [
    ...([
      'STACKS_ROOT',
      'DATA_DIR',
      'LOCK_TIMEOUT',
      'STATUS_TIMEOUT',
      'CONFIG_TIMEOUT',
      'PULL_TIMEOUT',
      'UP_TIMEOUT',
      'HEALTH_TIMEOUT',
      'ROLLBACK',
      'LOG_LEVEL',
    ] as const),
  ].map((name) => `${name}=${String(settings[name])}`)
  const passedOn = ['HOST_STACKS_ROOT', 'DOCKER_HOST', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy']
  return [...names, ...passedOn.flatMap((name) => (env[name] ? [`${name}=${env[name]}`] : []))]
}
