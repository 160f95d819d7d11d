import { html } from 'hono/html'
import type { Job, PlannedService } from '@deployer/shared/job'
import type { Html, View } from '../view.ts'
import { badge, type Tone } from './badge.ts'
import type { IconName } from './icon.ts'
import { digest } from './image.ts'
import { icon } from './icon.ts'

const LOOKS: Record<PlannedService['action'], [Tone, IconName]> = {
  remove: ['bad', 'bad'],
  create: ['info', 'up'],
  recreate: ['info', 'run'],
  start: ['info', 'run'],
  keep: ['quiet', 'minus'],
}

/** What a deploy would do, with what would be removed first and in red. */
export function planTable({ words }: View, { plan }: Job): Html {
  const order = Object.keys(LOOKS)
  const services = [...(plan ?? [])].sort((a, b) => order.indexOf(a.action) - order.indexOf(b.action))
  const removed = services.filter(({ action }) => action === 'remove').length
  const { columns, reasons, planned } = words.job
  return html`<section aria-labelledby="plan-title">
    <h2 id="plan-title">${words.job.plan}</h2>
    ${removed > 0 ? html`<p class="notice bad">${icon('bad')}<strong>${words.job.planRemoves(removed)}</strong></p>` : ''}
    ${services.every(({ action }) => action === 'keep') ? html`<p>${words.job.planNothing}</p>` : ''}
    <table class="plan">
      <thead>
        <tr>
          <th scope="col">${columns.service}</th>
          <th scope="col">${columns.what}</th>
          <th scope="col">${columns.why}</th>
          <th scope="col">${columns.from}</th>
          <th scope="col">${columns.to}</th>
        </tr>
      </thead>
      <tbody>
        ${services.map(
          ({ service, image, action, why, from, to }) =>
            html`<tr class="${action}">
              <th scope="row"><bdi>${service}</bdi> <bdi class="small image">${image}</bdi></th>
              <td>${badge(...LOOKS[action], planned[action])}</td>
              <td>${why === null ? '' : reasons[why]}</td>
              <td data-label="${columns.from}">${digest(from)}</td>
              <td data-label="${columns.to}">${digest(to)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </section>`
}
