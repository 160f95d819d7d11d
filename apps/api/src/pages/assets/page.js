// Keeps what is live on a page as the server has it now: at news, and once a minute, since times are told as "3 h ago".
// Without this script the pages work the same; they only have to be loaded again.
const news = document.body.dataset.news
const log = document.getElementById('log')
const SOONEST = 1000
const MINUTE = 60_000
const AGAIN = 5000
const MOST_LINES = 5000
let looking = false
let wanted = false
let ended = false

async function look() {
  if (looking) {
    wanted = true
    return
  }
  looking = true
  wanted = false
  try {
    const answer = await fetch(location.href)
    if (answer.ok) show(new DOMParser().parseFromString(await answer.text(), 'text/html'))
  } catch {
    // The next news, or the next minute.
  }
  setTimeout(() => {
    looking = false
    if (wanted) void look()
  }, SOONEST)
}

/** Takes over what has changed, and leaves the focus and what was opened as they are. */
function show(fresh) {
  for (const part of document.querySelectorAll('[data-live]')) {
    const now = fresh.getElementById(part.id)
    if (!now) continue
    for (const opened of part.querySelectorAll('details[open]')) now.querySelector(`#${CSS.escape(opened.id)}`)?.setAttribute('open', '')
    if (now.innerHTML === part.innerHTML) continue
    const focused = part.contains(document.activeElement) ? document.activeElement : null
    const twins = focused ? [...part.querySelectorAll(focused.tagName)].indexOf(focused) : -1
    part.replaceChildren(...now.childNodes)
    if (focused) (sameAs(part, focused) ?? part.querySelectorAll(focused.tagName)[twins])?.focus({ preventScroll: true })
  }
}

function sameAs(part, { id, href, tagName }) {
  if (id) return part.querySelector(`#${CSS.escape(id)}`)
  return href ? [...part.querySelectorAll(tagName)].find((other) => other.href === href) : null
}

function follow() {
  const source = new EventSource(news)
  // This one tells the log from its beginning; when the browser connects it again, only what is new.
  source.addEventListener('open', () => log?.replaceChildren(), { once: true })
  // A browser gives up where an error is the answer, as a proxy's is while the API starts.
  source.addEventListener('error', () => {
    if (source.readyState === EventSource.CLOSED && !ended) setTimeout(() => void followAgain(), AGAIN)
  })
  for (const event of ['news', 'state', 'step']) source.addEventListener(event, () => void look())
  source.addEventListener('log', ({ data }) => add(JSON.parse(data)))
  source.addEventListener('gap', () => write(`${log.dataset.gap}\n`))
  source.addEventListener('done', () => {
    ended = true
    source.close()
    void look()
  })
}

/** Not where the login is no longer good, or the job no longer kept: to ask over and over would count as guessing. */
async function followAgain() {
  const status = await fetch(location.href).then(
    (answer) => answer.status,
    () => 503,
  )
  if (status < 400) {
    follow()
    void look()
  } else if (status >= 500 || status === 429) setTimeout(() => void followAgain(), AGAIN)
}

function add({ step, line }) {
  if (log) write(`${step}  ${line}\n`)
}

function write(text) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40
  log.append(text)
  while (log.childNodes.length > MOST_LINES) log.firstChild.remove()
  if (atEnd) log.scrollTop = log.scrollHeight
}

if (news) {
  follow()
  setInterval(() => {
    if (!ended && !document.hidden) void look()
  }, MINUTE)
}
