import { UnrecoverableError } from 'bullmq'

/** The job ended other than in success; BullMQ keeps the message as the reason. */
export class JobFailed extends UnrecoverableError {
  /** @param output What the steps that failed said last. */
  constructor(message: string, output = '') {
    super(message)
    // The dashboard shows the stack of an error; where this one was thrown tells nobody anything.
    this.stack = output ? `${message}\n\n${output}` : message
  }
}
