import type { OutcomeCode } from '@deployer/shared/job'

/** A deploy that must not be done; nothing has been changed. The message says what was found and how to mend it. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: OutcomeCode

  constructor(code: OutcomeCode, message: string) {
    super(message)
    this.code = code
  }

  /** As a plan tells it. */
  told(): { code: OutcomeCode; message: string } {
    return { code: this.code, message: this.message }
  }
}
