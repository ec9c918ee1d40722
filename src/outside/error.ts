/** Something outside the stack did not do what was asked of it: what happened, where, and what to look at. */
export class OutsideError extends Error {
  /** What it was about: a DNS server, a place, a URL. */
  readonly where: string

  constructor(where: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'OutsideError'
    this.where = where
  }
}
