/** Lets a limited number of jobs run at the same time; the others wait in line. */
export interface Slots {
  /**
   * Waits for a free slot.
   * @returns A function that gives the slot back.
   * @throws The signal's reason, when it is aborted first.
   */
  take(signal: AbortSignal): Promise<() => void>
}

export function createSlots(count: number): Slots {
  let free = count
  const line = new Set<() => void>()
  const giveBack = () => {
    free++
    line.values().next().value?.()
  }
  return {
    async take(signal) {
      signal.throwIfAborted()
      if (free === 0) {
        await new Promise<void>((resolve, reject) => {
          const leave = () => {
            line.delete(enter)
            signal.removeEventListener('abort', giveUp)
          }
          const enter = () => {
            leave()
            free--
            resolve()
          }
          const giveUp = () => {
            leave()
            reject(signal.reason as Error)
          }
          line.add(enter)
          signal.addEventListener('abort', giveUp, { once: true })
        })
      } else free--
      let given = false
      return () => {
        if (!given) giveBack()
        given = true
      }
    },
  }
}
