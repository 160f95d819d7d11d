import { EventEmitter } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { createCaller, OWNER } from '../keys/caller.ts'
import { createHeldAnswers } from './held-answers.ts'

describe('answers that are held', () => {
  const held = createHeldAnswers(1000)
  const answers: EventEmitter[] = []
  const hold = (kind: 'wait' | 'stream', caller = OWNER) => {
    const answer = new EventEmitter()
    const place = held.hold(kind, caller, answer)
    answers.push(answer)
    return place
  }
  afterEach(() => {
    for (const answer of answers.splice(0)) answer.emit('close')
  })

  it('leave a part of all connections to those who do not wait', () => {
    for (let index = 0; index < 800; index++) hold('wait')
    expect(() => hold('wait')).toThrow('Too many answers are being held')
    for (let index = 0; index < 80; index++) hold('stream')
    expect(() => hold('stream')).toThrow('Too many answers are being held')
    answers[0]?.emit('close')
    hold('wait')
  })

  it('of one key leave room to others', () => {
    const key = (name: string) => createCaller(name, [], () => true)
    const large = createHeldAnswers(25_000)
    const fill = (caller: ReturnType<typeof key>) => {
      for (let index = 0; index < 100; index++) large.hold('stream', caller, new EventEmitter())
    }
    fill(key('a'))
    expect(() => large.hold('stream', key('a'), new EventEmitter())).toThrow('Too many answers of this key are being held')
    for (let index = 0; index < 19; index++) fill(key(`b${index}`))
    expect(() => large.hold('stream', key('c'), new EventEmitter())).toThrow('Too many answers are being held')
    large.stop()
  })

  it('are let go once, when all of them are to end; whoever comes later has lost its place already', () => {
    const place = hold('stream')
    let losses = 0
    place.onLoss = () => losses++
    held.stop()
    answers[0]?.emit('close')
    expect([place.lost, losses, hold('wait').lost]).toEqual([true, 1, true])
  })
})
