import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadSettings, secretValues, SettingsError, type Role } from './settings.ts'

const folder = mkdtempSync(join(tmpdir(), 'deployer-settings-'))
const good = { DEPLOY_SECRET: 'a-real-one-of-24-letters', STACKS_ROOT: folder }

function refusal(env: Record<string, string>, role: Role = 'all'): string {
  try {
    loadSettings(env, role)
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError)
    expect((error as SettingsError).exitCode).toBe(78)
    return (error as SettingsError).message
  }
  throw new Error('not refused')
}

describe('loadSettings', () => {
  it('fills in the defaults, and takes an empty variable for an unset one', () => {
    expect(loadSettings({ ...good, PORT: '' }, 'all')).toMatchObject({
      PORT: 8080,
      HOST: '0.0.0.0',
      ROLLBACK: true,
      DEFAULT_WAIT: false,
      TRUSTED_PROXIES: [],
    })
  })

  it.each([
    ['PORT', 'abc', /whole number/],
    ['PORT', '70000', /0 to 65535/],
    ['PULL_TIMEOUT', '-1', /whole number/],
    ['ROLLBACK', 'maybe', /"true" or "false"/],
    ['TRUSTED_PROXIES', '10.0.0.0/8,nonsense', /CIDR/],
    ['LOG_LEVEL', 'loud', /trace/],
    ['WORKER_NAME', 'a b', /host name/],
    ['WATCH', 'yes', /off, notify or update/],
    ['WATCH_EVERY', '4m', /5 minutes or more/],
    ['WATCH_EVERY', '61 4 * * *', /cron line/],
    ['UPDATE_WINDOW', '2-5', /02:00-05:00/],
    ['MIN_AGE', '3 days', /3d/],
    ['SETTLE', '5', /30m/],
    ['TZ', 'Mars/Olympus', /time zone/],
  ])('names %s when it is "%s", and says what it wants', (name, value, wants) => {
    const message = refusal({ ...good, [name]: value })
    expect(message).toContain(name)
    expect(message).toContain(value)
    expect(message).toMatch(wants)
  })

  it('shows no secret value, not even a wrong one', () => {
    expect(refusal({ ...good, REDIS_URL: 'http://user:hunter2@host' })).not.toContain('hunter2')
  })

  it.each(['', ' '.repeat(20), 'change-me', 'CHANGEME', 'your-secret', 'troque_este_valor', ' Troque_Este_Valor ', 'only-15-letters'])(
    'does not start the API with the secret "%s", alone or beside the worker',
    (secret) => {
      for (const role of ['api', 'all'] as const) {
        const message = refusal({ STACKS_ROOT: folder, DEPLOY_SECRET: secret }, role)
        expect(message).toContain('DEPLOY_SECRET')
        expect(message).toContain('openssl rand -hex 32')
        if (secret.trim()) expect(message).not.toContain(secret)
        if (secret.trim()) expect(refusal({ ...good, DEPLOY_SECRET_PREVIOUS: secret }, role)).toContain('DEPLOY_SECRET_PREVIOUS')
      }
    },
  )

  it('starts with a secret of 16 characters', () => {
    expect(loadSettings({ STACKS_ROOT: folder, DEPLOY_SECRET: '0123456789abcdef' }, 'api').DEPLOY_SECRET).toBe('0123456789abcdef')
  })

  it('lets the worker start without a secret, and not without its folder', () => {
    expect(loadSettings({ STACKS_ROOT: folder }, 'worker').DEPLOY_SECRET).toBeUndefined()
    expect(refusal({ STACKS_ROOT: '/nowhere/at/all' }, 'worker')).toMatch(/STACKS_ROOT.*missing/)
    expect(loadSettings({ ...good, STACKS_ROOT: '/nowhere/at/all' }, 'api').PORT).toBe(8080)
  })

  it('reads secrets from files, without the line end', () => {
    const file = join(folder, 'secret')
    writeFileSync(file, 'a-secret-from-a-file\n')
    const settings = loadSettings({ STACKS_ROOT: folder, DEPLOY_SECRET_FILE: file }, 'all')
    expect(settings.DEPLOY_SECRET).toBe('a-secret-from-a-file')
    expect(refusal({ ...good, DEPLOY_SECRET_FILE: file })).toContain('DEPLOY_SECRET_FILE')
    expect(refusal({ STACKS_ROOT: folder, DEPLOY_SECRET_FILE: '/not/there' })).toContain('ENOENT')
  })

  it('knows its secrets by value', () => {
    const settings = loadSettings({ ...good, REDIS_URL: 'redis://user:p%40ss@host' }, 'all')
    expect(secretValues(settings)).toEqual(['a-real-one-of-24-letters', 'p%40ss', 'p@ss'])
  })
})
