import { Settings, settingMeta, settingNames } from '@deployer/shared/settings-schema'

/** The settings as a Markdown table: name, default, meaning with its unit. */
export function settingsTable(): string {
  const rows = settingNames.map((name) => {
    const { description, unit, secret, shownDefault } = settingMeta(name)
    const parsed = Settings.shape[name].safeParse(undefined)
    const fallback = shownDefault ?? (parsed.data === undefined ? 'none' : `\`${textOf(parsed.data)}\``)
    const notes = [unit && `In ${unit === 'per minute' ? 'requests per minute' : unit}.`, secret && `Also \`${name}_FILE\`.`]
    return `| \`${name}\` | ${fallback} | ${[description, ...notes.filter(Boolean)].join(' ')} |`
  })
  return ['| name | default | meaning |', '| --- | --- | --- |', ...rows].join('\n')
}

/** A default that is not plain has a text of its own. */
function textOf(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : `${value as string | number | boolean}`
}
