/** Why a job's signal is aborted. */
export class JobAborted extends Error {
  readonly why: 'canceled' | 'lost'

  constructor(why: 'canceled' | 'lost') {
    super(why === 'canceled' ? 'The job was canceled.' : 'The job was taken over by another start of it.')
    this.why = why
  }
}
