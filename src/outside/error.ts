/** Something outside the stack did not do what was asked of it: what happened, where, and what to look at. */
export class OutsideError extends Error {
  /** What it was about: a DNS server, a place, a URL. */
  readonly where: string
  /** Who was asked and did not do it: why, where that is known. */
  readonly said: 'refused' | 'bad-key' | 'clock' | 'silent' | undefined

  constructor(where: string, message: string, options?: ErrorOptions & { readonly said?: OutsideError['said'] }) {
    super(message, options)
    this.name = 'OutsideError'
    this.where = where
    this.said = options?.said
  }
}
