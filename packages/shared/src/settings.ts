import { statSync } from 'node:fs'
import { readSecretFile } from './read-secret-file.ts'
import { secretsOfUrl } from './secrets-of-url.ts'
import { secretWeakness } from './secret-weakness.ts'
import { Settings, settingMeta, settingNames, type SettingName } from './settings-schema.ts'

export type { Settings } from './settings-schema.ts'

/** The part of the system that is being started; `all` is both. */
export type Role = 'api' | 'worker' | 'all'

/** A setting that stops the start. `exitCode` is EX_CONFIG of sysexits.h. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError'
  readonly exitCode = 78
}

/**
 * Reads and checks the settings of a role.
 *
 * @param env The environment, usually `process.env`. Empty variables count as unset.
 * @param role Decides which settings must be there: a secret for the API, the stacks' folder for the worker.
 * @throws {SettingsError} naming the variable, what it got (never a secret) and what it wants.
 */
export function loadSettings(env: NodeJS.ProcessEnv, role: Role): Settings {
  const given: Record<string, string> = {}
  for (const name of settingNames) {
    const value = readSetting(env, name)
    if (value !== undefined) given[name] = value
  }
  const parsed = Settings.safeParse(given)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    const name = issue?.path[0] as SettingName
    const got = settingMeta(name).secret ? 'a value that is not shown here' : JSON.stringify(given[name])
    throw new SettingsError(`${name} is ${got}, but must be ${issue?.message ?? 'something else'}.`)
  }
  if (role !== 'worker') checkSecret(parsed.data)
  if (role !== 'api') checkStacksRoot(parsed.data.STACKS_ROOT)
  return parsed.data
}

/** The values of all secrets among the settings, for redaction. */
export function secretValues(settings: Settings): string[] {
  return settingNames
    .filter((name) => settingMeta(name).secret)
    .flatMap((name) => {
      if (name === 'REDIS_URL') return passwordOf(settings.REDIS_URL)
      if (name === 'NOTIFY_URLS' || name === 'PING_URL') return [settings[name] ?? []].flat().flatMap(secretsOfUrl)
      const value: unknown = settings[name]
      return typeof value === 'string' ? [value] : []
    })
    .filter((value) => value.length > 0)
}

function passwordOf(url: string | undefined): string[] {
  const password = url === undefined ? '' : (URL.parse(url)?.password ?? '')
  return password ? [password, decodeURIComponent(password)] : []
}

function readSetting(env: NodeJS.ProcessEnv, name: SettingName): string | undefined {
  const value = env[name] === '' ? undefined : env[name]
  if (!settingMeta(name).secret) return value
  const fileVariable = `${name}_FILE`
  const file = env[fileVariable]
  if (!file) return value
  if (value !== undefined) throw new SettingsError(`${name} and ${fileVariable} are both set. Keep one of them.`)
  try {
    return readSecretFile(file)
  } catch (error) {
    throw new SettingsError(`${fileVariable} is "${file}", which cannot be read (${(error as NodeJS.ErrnoException).code}).`)
  }
}

function checkSecret(settings: Settings): void {
  const how = 'Make one with: openssl rand -hex 32'
  if (!settings.DEPLOY_SECRET?.trim() && (settings.DEPLOY_SECRET !== undefined || settings.DEPLOY_KEYS_FILE === undefined)) {
    throw new SettingsError(`DEPLOY_SECRET is empty, but must be the secret that callers sign with. ${how}`)
  }
  for (const name of ['DEPLOY_SECRET', 'DEPLOY_SECRET_PREVIOUS'] as const) {
    const weakness = settings[name] === undefined ? null : secretWeakness(settings[name])
    if (weakness !== null) throw new SettingsError(`${name} ${weakness}. ${how}`)
  }
}

function checkStacksRoot(path: string): void {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats?.isDirectory()) return
  throw new SettingsError(
    `STACKS_ROOT is "${path}", which is ${stats ? 'not a folder' : 'missing'}, but must be the folder that holds the stacks.`,
  )
}
