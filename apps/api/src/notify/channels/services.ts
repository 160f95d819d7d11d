/** Where the services are that have one address for everybody. */
export interface Services {
  discord: string
  slackHooks: string
  slackApi: string
  telegram: string
  ntfy: string
}

export const SERVICES: Services = {
  discord: 'https://discord.com',
  slackHooks: 'https://hooks.slack.com',
  slackApi: 'https://slack.com',
  telegram: 'https://api.telegram.org',
  ntfy: 'https://ntfy.sh',
}
