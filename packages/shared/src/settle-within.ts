/**
 * Waits for work whose outcome does not matter, but not for ever: at a stop, Redis may be away and never answer.
 *
 * @param milliseconds The longest to wait.
 */
export async function settleWithin(milliseconds: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds)
  })
  await Promise.race([Promise.allSettled([work]), over])
  clearTimeout(timer)
}
