import type { Settings } from '@deployer/shared/settings'
import type { DeployLimits } from './converge/tools.ts'
import type { LockSettings } from './lock/stack-lock.ts'

/** The settings that a deploy obeys. */
export function deployLimits(settings: Settings): DeployLimits {
  return {
    statusTimeout: settings.STATUS_TIMEOUT,
    configTimeout: settings.CONFIG_TIMEOUT,
    pullTimeout: settings.PULL_TIMEOUT,
    upTimeout: settings.UP_TIMEOUT,
    healthTimeout: settings.HEALTH_TIMEOUT,
    steadyTime: settings.STEADY_TIME,
    rollback: settings.ROLLBACK,
    keepReleases: settings.KEEP_RELEASES,
    minFreeDisk: settings.MIN_FREE_DISK,
  }
}

/** The settings that locking obeys. */
export function lockSettings(settings: Settings, env: NodeJS.ProcessEnv): LockSettings {
  return { dataDir: settings.DATA_DIR, timeout: settings.LOCK_TIMEOUT, searchPath: env['PATH'] ?? '' }
}

/** The settings that a helper needs, as `NAME=value`; no secret among them. */
export function helperEnv(settings: Settings, env: NodeJS.ProcessEnv): string[] {
  const names = [
    'STACKS_ROOT',
    'DATA_DIR',
    'STATUS_TIMEOUT',
    'CONFIG_TIMEOUT',
    'PULL_TIMEOUT',
    'UP_TIMEOUT',
    'HEALTH_TIMEOUT',
    'STEADY_TIME',
    'LOCK_TIMEOUT',
    'KEEP_RELEASES',
    'ROLLBACK',
    'LOG_LEVEL',
  ] as const
  const passedOn = ['HOST_STACKS_ROOT', 'DOCKER_HOST', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy']
  return [
    ...names.map((name) => `${name}=${String(settings[name])}`),
    ...passedOn.flatMap((name) => (env[name] ? [`${name}=${env[name]}`] : [])),
  ]
}
