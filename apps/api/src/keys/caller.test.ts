import { describe, expect, it } from 'vitest'
import { createCaller, OWNER, type Grant } from './caller.ts'

const caller = (...grants: Grant[]) => createCaller('somebody', grants, () => true)

describe('a caller with several grants', () => {
  const both = caller({ stacks: ['media'], actions: ['deploy'] }, { stacks: ['web-*'], actions: ['read', 'rollback'] })

  it('sees the stacks of each', () => {
    expect(['media', 'web-blog', 'other'].map(both.sees)).toEqual([true, true, false])
  })

  it('may do with a stack what the grant of that stack allows, and not what another one does', () => {
    expect([both.may('deploy', 'media'), both.may('read', 'web-blog')]).toEqual([true, true])
    expect([both.may('read', 'media'), both.may('deploy', 'web-blog'), both.may('rollback', 'media')]).toEqual([false, false, false])
    expect([both.may('deploy', 'other'), both.may('read', 'other')]).toEqual([false, false])
  })

  it('may do somewhere what one of them allows, and nothing else', () => {
    expect([both.mayAnywhere('deploy'), both.mayAnywhere('rollback')]).toEqual([true, true])
    expect([both.mayAnywhere('cancel'), caller().mayAnywhere('read')]).toEqual([false, false])
  })
})

it('the holder of the main secret may do everything', () => {
  expect([OWNER.sees('other'), OWNER.may('rollback', 'other'), OWNER.mayAnywhere('hold'), OWNER.holds()]).toEqual([true, true, true, true])
})
