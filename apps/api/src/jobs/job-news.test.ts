import { EventEmitter } from 'node:events'
import type { Redis } from 'ioredis'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Job } from '@deployer/shared/job'
import { encodeJobNews, JOB_CHANNEL } from '@deployer/shared/job-stream'
import type { Place } from '../gates/held-answers.ts'
import { waitForEnd } from '../routes/wait-for-end.ts'
import type { ApiContext } from '../routes/context.ts'
import { createJobHub, type JobHub } from './job-news.ts'
import type { FoundJob, JobStore } from './job-store.ts'

const ID = '0199aaaa-0000-7000-8000-000000000000'
const found = (state: Job['state']) => ({ job: { job_id: ID, state } as Job, round: 0 })
const place = (): Place => ({ lost: false, onLoss: () => undefined })
let hub: JobHub
afterEach(() => hub.stop())

/** A hub whose looks are answered by hand, in the order in which they were begun. */
function createHub() {
  const looks: ((job: FoundJob | null) => void)[] = []
  const subscriber = new EventEmitter()
  const store = { read: () => new Promise((resolve) => looks.push(resolve)) } as unknown as JobStore
  hub = createJobHub(subscriber as unknown as Redis, store)
  return { looks, tell: (news: 'stream' | 'end') => subscriber.emit('message', JOB_CHANNEL, encodeJobNews(ID, news)) }
}

describe('a look at a job', () => {
  it('is shared by all who ask at the same time', async () => {
    const { looks } = createHub()
    const both = [hub.look(ID), hub.look(ID)]
    expect(looks).toHaveLength(1)
    looks[0]?.(found('running'))
    expect(await Promise.all(both)).toEqual([found('running'), found('running')])
    void hub.look(ID)
    expect(looks).toHaveLength(2)
  })

  it('is no older than the news: one that was under way then is not shared', async () => {
    const { looks, tell } = createHub()
    const before = hub.look(ID)
    tell('stream')
    const after = hub.look(ID)
    expect(looks).toHaveLength(2)
    looks[1]?.(found('succeeded'))
    looks[0]?.(found('running'))
    expect([await before, await after]).toEqual([found('running'), found('succeeded')])
  })
})

describe('who waits for a job', () => {
  it('is told its end at the news of it, also when a look was under way', async () => {
    const { looks, tell } = createHub()
    const end = hub.waitForEnd(ID, 60_000, place())
    tell('end')
    expect(looks).toHaveLength(2)
    looks[1]?.(found('succeeded'))
    looks[0]?.(found('running'))
    expect(await end).toEqual(found('succeeded').job)
  })

  it('waits no longer than WAIT_TIMEOUT allows, whatever he wishes', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const { looks } = createHub()
    const end = waitForEnd({ hub, waitTimeout: 2 } as ApiContext, place(), found('queued').job, 3600)
    looks[0]?.(found('queued'))
    await vi.advanceTimersByTimeAsync(1999)
    expect(looks).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(looks).toHaveLength(2)
    looks[1]?.(found('running'))
    expect(await end).toEqual(found('running').job)
  })

  it('is let go at once when its place is lost', async () => {
    const { looks } = createHub()
    const lost = place()
    const end = hub.waitForEnd(ID, 60_000, lost)
    looks[0]?.(found('running'))
    await new Promise(setImmediate)
    lost.onLoss()
    looks[1]?.(found('running'))
    expect(await end).toEqual(found('running').job)
  })
})
