const NICKNAMES: Record<string, string> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
}
/** Seconds that Watchtower waits without an interval, and the fewest that Deployer does. */
const DEFAULT = 86_400
const FEWEST = 300

/**
 * When Watchtower looked, as `WATCH_EVERY`.
 *
 * @param schedule A cron line of six fields, the first of which are seconds; a nickname; `@every 6h`.
 * @param interval Seconds.
 */
export function translateSchedule(schedule: string | undefined, interval: string | undefined): { every: string; warnings: string[] } {
  if (!schedule) return duration(Number(interval ?? DEFAULT), interval ?? '')
  const every = /^@every\s+(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(schedule.trim())
  if (every) return duration(Number(every[1] ?? 0) * 3600 + Number(every[2] ?? 0) * 60 + Number(every[3] ?? 0), schedule)
  const nickname = NICKNAMES[schedule.trim()]
  if (nickname) return { every: nickname, warnings: [] }
  const fields = schedule.trim().replaceAll('?', '*').split(/\s+/)
  const [seconds = '', ...rest] = fields
  if (fields.length !== 6)
    return { every: '24h', warnings: [`the schedule "${schedule}" is no cron line of six fields: WATCH_EVERY=24h stands for it`] }
  const often = /^\d+$/.test(seconds) ? [] : [`the schedule "${schedule}" looked more than once a minute; the seconds are left out`]
  return { every: rest.join(' '), warnings: often }
}

function duration(seconds: number, written: string): { every: string; warnings: string[] } {
  if (!Number.isFinite(seconds) || seconds <= 0)
    return { every: '24h', warnings: [`the interval "${written}" is none: WATCH_EVERY=24h stands for it`] }
  if (seconds < FEWEST)
    return {
      every: '5m',
      warnings: [`it looked every ${seconds} s; Deployer looks every 5 minutes at most, and at once when a registry or CI says so`],
    }
  return { every: seconds % 3600 === 0 ? `${seconds / 3600}h` : `${Math.ceil(seconds / 60)}m`, warnings: [] }
}
