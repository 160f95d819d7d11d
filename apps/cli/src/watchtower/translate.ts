import { notifyUrls } from './notify-urls.ts'
import type { Neighbor, Watchtower } from './read-containers.ts'
import { translateSchedule } from './translate-schedule.ts'

/** What a Watchtower's settings are for Deployer. */
export interface Translation {
  /** Lines of `.env`. */
  env: string[]
  /** What goes into compose files, by stack. */
  snippets: { stack: string; services: Record<string, 'off' | 'notify' | 'update'> }[]
  /** What has no counterpart, or needs a hand. */
  warnings: string[]
  /** Secrets. */
  urls: string[]
}

const LABEL = 'com.centurylinklabs.watchtower.'
/** What needs nothing to be set, or cannot be set, and why. */
const NOTES: Record<string, string> = {
  cleanup:
    '--cleanup: needs no setting; what kept releases need stays, KEEP_RELEASES says how many, and images that only they used go with them',
  'remove-volumes': '--remove-volumes has no counterpart: Deployer never removes a volume',
  'rolling-restart':
    '--rolling-restart has no counterpart: compose replaces what has changed, and every new container has to become healthy, or the release before comes back',
  'no-restart': '--no-restart has no counterpart: WATCH=notify tells and leaves containers alone',
  'no-pull': '--no-pull has no counterpart: for images that are built here, deploy with x-deployer: { build: true }',
  'include-stopped': '--include-stopped: a stack of which nothing runs is left alone',
  'revive-stopped': '--revive-stopped has no counterpart: a stack of which nothing runs is left alone',
  scope: '--scope has no counterpart: each stack says in its own file what it wants',
  'enable-lifecycle-hooks': '--enable-lifecycle-hooks has no counterpart yet: the labels of hooks do nothing',
  'stop-timeout': '--stop-timeout: set stop_grace_period in the compose files',
  tlsverify: '--tlsverify has no counterpart: reach another host by a worker of its own (docs/recipes.md)',
  'http-api-metrics': '--http-api-metrics: set METRICS_TOKEN, and read /metrics',
  'http-api-token':
    '--http-api-token: its callers sign with DEPLOY_SECRET or a key of their own (docs/keys.md); the token is not taken over',
  'notification-template': 'the template of its messages has no counterpart',
  'notifications-level': '--notifications-level: NOTIFY_ON says what is told',
  'repo-user': 'REPO_USER and REPO_PASS: log in once for each stack that needs it: DOCKER_CONFIG=/opt/stacks/<name>/.docker docker login',
}

/** Says Watchtower's settings in Deployer's words. */
export function translate({ options, names, timeZone, unknown, mountsLogin }: Watchtower, neighbors: Neighbor[]): Translation {
  const isOn = (name: string) => /^(1|t|true|yes|on)$/i.test(options.get(name) ?? '')
  const asked = isOn('run-once') || (isOn('http-api-update') && !isOn('http-api-periodic-polls'))
  const { every, warnings } = translateSchedule(options.get('schedule'), options.get('interval'))
  const selects = isOn('label-enable') || names.length > 0
  const wanted = isOn('monitor-only') ? 'notify' : 'update'
  const env = [`WATCH=${selects ? 'off' : wanted}`, `WATCH_EVERY=${quote(asked ? '0' : every)}`]
  if (timeZone) env.push(`TZ=${quote(timeZone)}`)
  if (isOn('debug') || isOn('trace') || /^(debug|trace)$/.test(options.get('log-level') ?? '')) env.push('LOG_LEVEL=debug')
  const host = options.get('host')
  if (host && host !== 'unix:///var/run/docker.sock') env.push(`DOCKER_HOST=${quote(host)}`)
  const notify = notifyUrls(options)
  if (notify.urls.length > 0) env.push('NOTIFY_URLS_FILE=/run/secrets/notify-urls')
  const told = asked ? [] : warnings
  if (asked) told.push('it looked only when it was run or asked: deployer check does, or a hook of the registry (docs/registry-hooks.md)')
  for (const [option, note] of Object.entries(NOTES))
    if (options.has(option) && !/^(0|false)$/i.test(options.get(option) ?? '')) told.push(note)
  if (mountsLogin) told.push('its config.json: each stack has a login of its own, /opt/stacks/<name>/.docker/config.json')
  told.push(...notify.warnings, ...unknown.map((name) => `${name} is not known`))
  const snippets = selectServices(neighbors, isOn('label-enable'), names, wanted, told)
  return { env, snippets, warnings: told, urls: notify.urls }
}

/** What has to be written into compose files: where Watchtower chose its containers, Deployer is told so by the stacks. */
function selectServices(
  neighbors: Neighbor[],
  byLabel: boolean,
  names: string[],
  wanted: 'notify' | 'update',
  warnings: string[],
): Translation['snippets'] {
  const stacks = new Map<string, Translation['snippets'][number]>()
  for (const { name, labels } of neighbors) {
    const [stack, service] = [labels['com.docker.compose.project'], labels['com.docker.compose.service']]
    const isChosen = (!byLabel || labels[`${LABEL}enable`] === 'true') && (names.length === 0 || names.includes(name))
    for (const label of Object.keys(labels)) {
      if (label.startsWith(LABEL) && !/\.(enable|monitor-only)$/.test(label)) warnings.push(`${name}: the label ${label} does nothing here`)
    }
    if (!isChosen) continue
    if (!stack || !service) warnings.push(`${name} is not under compose: put it into /opt/stacks/<name>, or nobody updates it`)
    else if (byLabel || names.length > 0) {
      const entry = stacks.get(stack) ?? { stack, services: {} }
      stacks.set(stack, entry)
      entry.services[service] = labels[`${LABEL}monitor-only`] === 'true' ? 'notify' : wanted
    }
  }
  const found = neighbors.map(({ name }) => name)
  const missing = names.filter((name) => !found.includes(name))
  if (missing.length > 0) warnings.push(`it watches ${missing.join(', ')} alone: give their services x-deployer: { watch: ${wanted} }`)
  if (byLabel && neighbors.length === 0) {
    warnings.push(
      `it watches what has the label ${LABEL}enable alone; which that is: docker inspect $(docker ps -q) | deployer from-watchtower`,
    )
  }
  return [...stacks.values()]
}

/** A value as it stands in `.env`. */
function quote(value: string): string {
  return /^[\w./:+-]*$/.test(value) ? value : `'${value.replaceAll("'", '')}'`
}
