import { expect, it } from 'vitest'
import { createSlots } from './slots.ts'

const never = new AbortController().signal

it('lets so many in at a time, and the next when one has left', async () => {
  const slots = createSlots(2)
  const first = await slots.take(never)
  await slots.take(never)
  let entered = false
  const third = slots.take(never).then((leave) => ((entered = true), leave))
  await Promise.resolve()
  expect(entered).toBe(false)
  first()
  first()
  const leave = await third
  expect(entered).toBe(true)
  leave()
})

it('lets nobody wait who was told to go, and loses no slot by it', async () => {
  const slots = createSlots(1)
  const leave = await slots.take(never)
  const stop = new AbortController()
  const waiting = slots.take(stop.signal)
  stop.abort(new Error('stop'))
  await expect(waiting).rejects.toThrow('stop')
  leave()
  const again = await slots.take(never)
  again()
})
