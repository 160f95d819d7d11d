import { describe, expect, it } from 'vitest'
import { readContainers } from './read-containers.ts'
import { translate } from './translate.ts'

interface Given {
  env?: readonly string[]
  args?: readonly string[]
  mounts?: readonly string[]
}
const watchtower = ({ env = [], args = [], mounts = [] }: Given) => ({
  Name: '/watchtower',
  Args: args,
  Config: { Image: 'containrrr/watchtower:latest', Env: ['PATH=/', ...env], Labels: { 'com.centurylinklabs.watchtower': 'true' } },
  Mounts: mounts.map((Destination) => ({ Type: 'bind', Destination })),
})
const container = (name: string, labels: Record<string, string>) => ({
  Name: `/${name}`,
  Args: [],
  Config: { Image: name, Env: null, Labels: labels },
  Mounts: [],
})
const inCompose = (stack: string, service: string, labels: Record<string, string> = {}) =>
  container(`${stack}-${service}-1`, { 'com.docker.compose.project': stack, 'com.docker.compose.service': service, ...labels })
const label = (name: string, value: string) => ({ [`com.centurylinklabs.watchtower.${name}`]: value })
function of(given: Given, ...others: unknown[]) {
  const { watchtower: found, neighbors } = readContainers(JSON.stringify([...others, watchtower(given)]))
  return translate(found, neighbors)
}

describe("a Watchtower's settings", () => {
  it('that says nothing looks once a day, and updates everything', () => {
    expect(of({})).toEqual({ env: ['WATCH=update', 'WATCH_EVERY=24h'], snippets: [], warnings: [], urls: [] })
  })

  it.each([
    [{ env: ['WATCHTOWER_POLL_INTERVAL=3600'] }, 'WATCH_EVERY=1h', /^$/],
    [{ args: ['--interval', '1800'] }, 'WATCH_EVERY=30m', /^$/],
    [{ args: ['-i', '30'] }, 'WATCH_EVERY=5m', /every 30 s/],
    [{ args: ['--interval=86400'] }, 'WATCH_EVERY=24h', /^$/],
    [{ env: ['WATCHTOWER_SCHEDULE=0 0 4 * * *'] }, "WATCH_EVERY='0 4 * * *'", /^$/],
    [{ args: ['--schedule', '0 30 3 ? * MON-FRI'] }, "WATCH_EVERY='30 3 * * MON-FRI'", /^$/],
    [{ args: ['-s', '*/30 * * * * *'] }, "WATCH_EVERY='* * * * *'", /more than once a minute/],
    [{ args: ['--schedule', '@daily'] }, "WATCH_EVERY='0 0 * * *'", /^$/],
    [{ args: ['--schedule', '@every 6h30m'] }, 'WATCH_EVERY=390m', /^$/],
    [{ args: ['--schedule', '0 4 * * *'] }, 'WATCH_EVERY=24h', /no cron line of six fields/],
    [{ env: ['WATCHTOWER_RUN_ONCE=true'] }, 'WATCH_EVERY=0', /deployer check/],
    [{ env: ['WATCHTOWER_HTTP_API_UPDATE=true'] }, 'WATCH_EVERY=0', /registry-hooks/],
    [{ env: ['WATCHTOWER_HTTP_API_UPDATE=1', 'WATCHTOWER_HTTP_API_PERIODIC_POLLS=1'] }, 'WATCH_EVERY=24h', /^$/],
    [{ env: ['WATCHTOWER_MONITOR_ONLY=true'] }, 'WATCH=notify', /^$/],
    [{ args: ['-m'] }, 'WATCH=notify', /^$/],
    [{ env: ['TZ=Europe/Lisbon'] }, 'TZ=Europe/Lisbon', /^$/],
    [{ env: ['WATCHTOWER_DEBUG=true'] }, 'LOG_LEVEL=debug', /^$/],
    [{ args: ['-H', 'tcp://10.0.0.2:2375'] }, 'DOCKER_HOST=tcp://10.0.0.2:2375', /^$/],
    [{ args: ['--label-enable'] }, 'WATCH=off', /docker ps -q/],
    [{ args: ['nginx'] }, 'WATCH=off', /nginx alone/],
    [{ env: ['WATCHTOWER_CLEANUP=true'] }, 'WATCH=update', /KEEP_RELEASES/],
    [{ env: ['WATCHTOWER_CLEANUP=false'] }, 'WATCH=update', /^$/],
    [{ args: ['--rolling-restart'] }, 'WATCH=update', /rolling-restart has no counterpart/],
    [{ env: ['WATCHTOWER_LIFECYCLE_HOOKS=true'] }, 'WATCH=update', /lifecycle-hooks/],
    [{ env: ['WATCHTOWER_TIMEOUT=30s'] }, 'WATCH=update', /stop_grace_period/],
    [{ env: ['WATCHTOWER_SOMETHING_NEW=1'] }, 'WATCH=update', /WATCHTOWER_SOMETHING_NEW is not known/],
    [{ mounts: ['/config.json'] }, 'WATCH=update', /\.docker\/config\.json/],
  ] as const)('%j become %s', (given, line, warning) => {
    const { env, warnings } = of(given)
    expect(env).toContain(line)
    expect(warnings.join('\n')).toMatch(warning)
  })

  it('give each chosen service its line, where containers were chosen by label or name', () => {
    const others = [
      inCompose('media', 'web', label('enable', 'true')),
      inCompose('media', 'db', { ...label('enable', 'true'), ...label('monitor-only', 'true') }),
      inCompose('media', 'cache'),
      container('loose', { ...label('enable', 'true'), ...label('lifecycle.pre-update', '/dump.sh') }),
    ]
    const { snippets, warnings } = of({ args: ['--label-enable'] }, ...others)
    expect(snippets).toEqual([{ stack: 'media', services: { web: 'update', db: 'notify' } }])
    expect(warnings).toEqual([
      expect.stringContaining('lifecycle.pre-update does nothing'),
      expect.stringContaining('loose is not under compose'),
    ])
    expect(of({ args: ['media-cache-1', 'gone'] }, ...others)).toMatchObject({
      snippets: [{ stack: 'media', services: { cache: 'update' } }],
      warnings: expect.arrayContaining([expect.stringContaining('gone alone')]),
    })
    // Its labels stay where they are, and count.
    expect(of({}, inCompose('media', 'web', label('enable', 'false'))).snippets).toEqual([])
  })

  it('for messages become addresses, which stand nowhere else', () => {
    const secrets = ['a-token', 'pass%40word', 'T0/B0/X0']
    const { env, urls, warnings } = of({
      env: [
        'WATCHTOWER_NOTIFICATION_URL=discord://a-token@123 telegram://a-token@telegram/?chats=1 generic://example.com/a-token pushover://shoutrrr:a-token@user',
        'WATCHTOWER_NOTIFICATIONS=email slack gotify msteams shoutrrr',
        'WATCHTOWER_NOTIFICATION_EMAIL_FROM=a@example.com',
        'WATCHTOWER_NOTIFICATION_EMAIL_TO=b@example.com',
        'WATCHTOWER_NOTIFICATION_EMAIL_SERVER=mail.example.com',
        'WATCHTOWER_NOTIFICATION_EMAIL_SERVER_PORT=587',
        'WATCHTOWER_NOTIFICATION_EMAIL_SERVER_USER=me',
        'WATCHTOWER_NOTIFICATION_EMAIL_SERVER_PASSWORD=pass@word',
        'WATCHTOWER_NOTIFICATION_SLACK_HOOK_URL=https://hooks.slack.com/services/T0/B0/X0',
        'WATCHTOWER_NOTIFICATION_GOTIFY_URL=https://push.example.com/gotify/',
        'WATCHTOWER_NOTIFICATION_GOTIFY_TOKEN=a-token',
      ],
    })
    expect(urls).toEqual([
      'discord://a-token@123',
      'telegram://a-token@telegram/?chats=1',
      'generic+https://example.com/a-token',
      'smtp://me:pass%40word@mail.example.com:587/?from=a%40example.com&to=b%40example.com',
      'slack://T0/B0/X0',
      'gotifys://push.example.com/gotify/a-token',
    ])
    expect(env).toContain('NOTIFY_URLS_FILE=/run/secrets/notify-urls')
    expect(warnings.join()).toMatch(/pushover:\/\/ need an Apprise server.*"msteams"/)
    for (const secret of [...secrets, 'pass@word']) expect(JSON.stringify([env, warnings])).not.toContain(secret)
  })

  it('are looked for in what docker inspect prints, and in nothing else', () => {
    for (const text of ['', 'Error: No such object: watchtower', '{}', '[]', '[7]', JSON.stringify([container('web', {})])])
      expect(() => readContainers(text)).toThrow(/docker inspect|None of these/)
  })
})
