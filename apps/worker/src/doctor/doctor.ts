import type { Finding } from '@deployer/shared/finding'
import { createLogger } from '@deployer/shared/logger'
import { untraced } from '@deployer/shared/telemetry'
import { loadSettings, SettingsError, type Settings } from '@deployer/shared/settings'
import { connectEngine, type Host } from '../connect-engine.ts'
import { checkCompose, checkEngine, checkPrograms } from './check-host.ts'
import { checkEmbeddedRedis, checkRedis } from './check-redis.ts'
import { checkPasswords, checkSecret } from './check-secret.ts'
import { checkStacks } from './check-stacks.ts'
import { checkWatching } from './check-watching.ts'

/**
 * Looks at what the settings say of notifications, which is the API's to know: the launcher brings it along, since apps do not import each other.
 *
 * @param isWatched Whether any stack of this host is watched; `null` where that is not known.
 */
export type CheckChannels = (settings: Settings, isWatched: boolean | null, say: (finding: Finding) => void) => void

/**
 * Looks at everything that can be wrong on this host, with the environment that a worker would have. Changes nothing.
 *
 * @param say Gets each finding as it is made.
 * @returns All of them.
 */
export async function doctor(env: NodeJS.ProcessEnv, say: (finding: Finding) => void, checkChannels: CheckChannels): Promise<Finding[]> {
  const findings: Finding[] = []
  const tell = (finding: Finding) => {
    findings.push(finding)
    say(finding)
  }
  checkSecret(env, tell)
  checkPasswords(env, tell)
  const settings = readSettings(env, tell)
  checkPrograms(env, tell)
  await checkEngine(env, tell)
  await checkCompose(env, tell)
  if (settings) {
    const logger = createLogger('silent', 'doctor', [])
    if (settings.REDIS_URL === undefined) checkEmbeddedRedis(settings.DATA_DIR, env, tell)
    else await checkRedis(settings.REDIS_URL, logger, tell)
    const host = await connect(settings, env, tell)
    if (host) await checkStacks(host, tell)
    checkChannels(settings, host && (await checkWatching(host, settings, logger, tell)), tell)
  }
  return findings
}

function readSettings(env: NodeJS.ProcessEnv, say: (finding: Finding) => void): Settings | null {
  try {
    const settings = loadSettings(env, 'worker')
    say({ level: 'ok', what: `The stacks are in ${settings.STACKS_ROOT}`, todo: '' })
    return settings
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error
    say({ level: 'mend', what: error.message.replace(/\.$/, ''), todo: 'The worker does not start like this.' })
    return null
  }
}

/** `null` when engine or compose are not there, which has been told already. */
async function connect(settings: Settings, env: NodeJS.ProcessEnv, say: (finding: Finding) => void): Promise<Host | null> {
  try {
    const host = await connectEngine(settings, env, untraced)
    const { here, onHost, problem } = host.root
    if (problem !== null) say({ level: 'mend', what: 'Compose cannot run under the path that the host has', todo: problem })
    else if (here !== onHost)
      say({ level: 'ok', what: `The host calls the stacks' folder ${onHost}; compose runs under that path`, todo: '' })
    return host
  } catch {
    return null
  }
}
