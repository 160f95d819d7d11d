import { html } from 'hono/html'
import type { Hold } from '@deployer/shared/updates'
import type { Job } from '@deployer/shared/job'
import type { ReleaseSummary } from '@deployer/shared/releases'
import { layout } from './layout.ts'
import { differences } from './parts/differences.ts'
import { form } from './parts/form.ts'
import { icon } from './parts/icon.ts'
import { digest } from './parts/image.ts'
import { jobAt } from './parts/link.ts'
import { pageAt, stackAt, type Html, type View } from './view.ts'

/** How long a hold lasts; what is chosen in its form. */
export const UNTILS = ['never', '1h', '8h', '24h', '168h'] as const

/** Which stack a question is about. */
interface Place {
  host: string
  stack: string
}

/** One question before something is changed. Its form goes to where the question was asked. */
interface Question {
  title: string
  meaning: string
  yes: string
  /** Where the form goes, and where one gets who does not want it after all. */
  to: string
  back: string
  kind?: 'primary' | 'danger'
  /** What has to be filled in, or may be known before. */
  more?: Html
  /** Another way, outside of the form. */
  beside?: Html
}

function question(view: View, { title, meaning, yes, to, back, kind = 'primary', more, beside }: Question): Html {
  const { words } = view
  const content = html`<section class="ask" aria-labelledby="question">
    <h1 id="question"><bdi>${title}</bdi></h1>
    <p>${meaning}</p>
    ${form(
      view,
      to,
      html`${more ?? ''}
        <div class="actions">
          <button class="${kind}">${yes}</button>
          <a class="button" href="${back}">${words.do.back}</a>
        </div>`,
    )}
    ${beside ?? ''}
  </section>`
  return layout(view, { title, content })
}

export function askDeploy(view: View, place: Place, hold: Hold | null): Html {
  const { ask } = view.words
  const held =
    hold === null
      ? html``
      : html`<p class="notice hold">
          ${icon('hold')}<span>${ask.held} <strong dir="auto">${hold.reason}</strong></span>
        </p>`
  return question(view, {
    title: ask.deploy(place.stack, place.host),
    meaning: ask.deployMeaning,
    yes: ask.deployNow,
    to: stackAt(view, place, 'deploy'),
    back: stackAt(view, place),
    more: held,
    beside: html`<div class="beside">
      <p>${ask.planMeaning}</p>
      ${form(view, stackAt(view, place, 'plan'), html`<button>${ask.planFirst}</button>`)}
    </div>`,
  })
}

export function askRollback(view: View, place: Place, target: ReleaseSummary, current: ReleaseSummary | null): Html {
  const { ask } = view.words
  const changes =
    current === null
      ? html``
      : html`<h2>${ask.rollbackChanges}</h2>
          ${differences(view, current, target)}`
  return question(view, {
    title: ask.rollback(place.stack, place.host, target.number),
    meaning: ask.rollbackMeaning,
    yes: ask.rollbackNow(target.number),
    to: stackAt(view, place, 'rollback'),
    back: stackAt(view, place),
    more: html`<input type="hidden" name="to" value="${target.number}" />${changes}`,
  })
}

export function askHold(view: View, place: Place): Html {
  const { ask } = view.words
  return question(view, {
    title: ask.hold(place.stack, place.host),
    meaning: ask.holdMeaning,
    yes: ask.holdNow,
    to: stackAt(view, place, 'hold'),
    back: stackAt(view, place),
    more: html`<label
        >${ask.reason}<input name="reason" required maxlength="500" dir="auto" autocomplete="off" aria-describedby="reason-hint"
      /></label>
      <p class="small" id="reason-hint">${ask.reasonHint}</p>
      <label
        >${ask.until}<select name="until">
          ${UNTILS.map((value) => html`<option value="${value}">${ask.untils[value]}</option>`)}
        </select></label
      >`,
  })
}

export function askRelease(view: View, place: Place, hold: Hold | null): Html {
  const { ask } = view.words
  return question(view, {
    title: ask.release(place.stack, place.host),
    meaning: ask.releaseMeaning,
    yes: ask.releaseNow,
    to: stackAt(view, place, 'release-hold'),
    back: stackAt(view, place),
    more: hold === null ? html`` : html`<p class="notice hold">${icon('hold')}<strong dir="auto">${hold.reason}</strong></p>`,
  })
}

export function askSkip(view: View, place: Place, service: string, available: string): Html {
  const { ask } = view.words
  return question(view, {
    title: ask.skip(service, place.stack),
    meaning: ask.skipMeaning,
    yes: ask.skipNow,
    to: stackAt(view, place, 'skip'),
    back: stackAt(view, place),
    more: html`<p>${digest(available)}</p>
      <input type="hidden" name="service" value="${service}" /><input type="hidden" name="digest" value="${available}" />`,
  })
}

export function askCancel(view: View, { job_id, stack }: Job): Html {
  const { ask } = view.words
  return question(view, {
    title: ask.cancel(stack),
    meaning: ask.cancelMeaning,
    yes: ask.cancelNow,
    to: pageAt(view, 'jobs', job_id, 'cancel'),
    back: jobAt(view, job_id),
    kind: 'danger',
  })
}

export function askRetry(view: View, { job_id, stack, host }: Job): Html {
  const { ask } = view.words
  return question(view, {
    title: ask.retry(stack, host),
    meaning: ask.retryMeaning,
    yes: ask.retryNow,
    to: pageAt(view, 'jobs', job_id, 'retry'),
    back: jobAt(view, job_id),
  })
}
