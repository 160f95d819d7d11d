import { describe, expect, it } from 'vitest'
import { createChannels } from './create-channels.ts'

const ids = (...urls: string[]) => createChannels(urls, [Buffer.alloc(32)]).map(({ id }) => id)

describe('NOTIFY_URLS', () => {
  it.each([
    ['discord://123456789012345678/abcDEF_token-1', ['1-discord']],
    ['discord://abcDEF_token-1@123456789012345678', ['1-discord']],
    ['discord://Bot@123456789012345678/abcDEF_token-1/?format=markdown', ['1-discord']],
    ['slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ', ['1-slack']],
    ['slack://bot@T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops/#dev', ['1-slack-1', '1-slack-2']],
    ['slack://hook:T1JJ3T3L2-A1BRTD4JD-TIiajkdnlazkcOXrIdevi7FQ@webhook', ['1-slack']],
    ['slack://xoxb:123456789012-1234567890123-4mt0t4l1@C001CH4NN3L', ['1-slack']],
    ['slack://xoxb-1234-1234-4ddbc191@C001CH4NN3L', ['1-slack']],
    ['slack://xoxb-1234-1234-4ddbc191/#ops', ['1-slack']],
    ['tgram://123456789:abcdefg_hijklmnop/12315544/-100456', ['1-tgram-1', '1-tgram-2']],
    ['tgram://bot123456789:abcdefg_hijklmnop/12315544:7/', ['1-tgram']],
    ['telegram://123456789:abcdefg_hijklmnop@telegram?chats=@one,-100456:12', ['1-telegram-1', '1-telegram-2']],
    ['ntfy://topic', ['1-ntfy']],
    ['ntfy://ntfy.sh/topic', ['1-ntfy']],
    ['ntfys://user:pass@push.example.com:8443/one/two', ['1-ntfys-1', '1-ntfys-2']],
    ['ntfys://tk_abcdef@push.example.com/one?priority=high', ['1-ntfys']],
    ['gotify://push.example.com/AzyoeNS.D4iJLVa', ['1-gotify']],
    ['gotifys://push.example.com:443/below/AzyoeNS.D4iJLVa/?priority=1', ['1-gotifys']],
    ['mailto://me:app%20password@gmail.com', ['1-mailto']],
    ['mailtos://me:secret@example.com?smtp=mail.example.com&to=a@example.com,b@example.com', ['1-mailtos']],
    ['smtp://user:p%40ss@mail.example.com:587/?from=deployer@example.com&to=me@example.com', ['1-smtp']],
    ['smtp://mail.example.com:25/?from=deployer@example.com&to=me@example.com&encryption=None', ['1-smtp']],
    ['json://127.0.0.1:9000/hook?a=b', ['1-json']],
    ['jsons://user:pass@example.com/hook?secret=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', ['1-jsons']],
    ['generic://example.com/hook?template=json', ['1-generic']],
    ['generic+https://example.com/hook', ['1-generic+https']],
    ['apprise://apprise.example.com/deployer?tags=ops', ['1-apprise']],
    ['apprises://user:pass@example.com/below/deployer', ['1-apprises']],
    ['NTFYS://push.example.com/topic', ['1-ntfys']],
  ])('takes %s', (url, expected) => {
    expect(ids(url)).toEqual(expected)
  })

  it.each([
    ['none', 'no-url-at-all-s3cr3t'],
    ['another service', 'pushover://s3cr3t@token'],
    ['a webhook without its token', 'discord://123456789012345678'],
    ['a webhook whose id is none', 'discord://s3cr3t/token'],
    ['a webhook of two parts', 'slack://T1JJ3T3L2/s3cr3t'],
    ['a bot without a channel', 'slack://xoxb-s3cr3t'],
    ['a bot without a chat', 'tgram://123456789:s3cr3t'],
    ['a token that is none', 'telegram://s3cr3t@telegram?chats=1'],
    ['a topic that cannot be', 'ntfy://host/s3cr3t.topic'],
    ['a priority that is none', 'ntfy://topic?priority=s3cr3t'],
    ['a server without a token', 'gotify://s3cr3t'],
    ['a mail to nobody', 'smtp://mail.example.com:25/?from=s3cr3t@example.com'],
    ['a mail to what is no address', 'mailto://me:s3cr3t@example.com?to=nobody'],
    ['a secret that is too short', 'jsons://example.com/?secret=whsec_s3cr3t'],
    ['a host that cannot be', 'json://exa mple_s3cr3t:99999/'],
    ['a header that cannot be', 'json://example.com/?+X%20Y=s3cr3t'],
    ['a key that cannot be', 'apprise://example.com/s3cr3t.key'],
  ])('refuses %s, and names it by position and scheme', (_, url) => {
    const act = () => ids('ntfy://fine', url)
    expect(act).toThrow(/^URL 2 of 2/)
    expect(act).not.toThrow(/s3cr3t/)
  })

  it('signs JSON with DEPLOY_SECRET’s, or wants a secret in the URL', () => {
    expect(() => createChannels(['json://example.com/'], [])).toThrow('secret=whsec_')
    expect(createChannels(['json://example.com/?secret=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'], [])).toHaveLength(1)
  })
})
