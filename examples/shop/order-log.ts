import { readFile } from 'node:fs/promises'

/** One line of the log that orders.ts writes: an order and what the client was told about it. Times in ms since 1970. */
export type OrderAttempt = {
  /** Counted from 1 as they are sent. A line is written when the order is answered or given up, so lines are in another order. */
  readonly n: number
  readonly ref: string
  readonly sent_at: number
  /** When the shop's "accepted" arrived; null when it never did: then the order may or may not have been stored. */
  readonly acked_at: number | null
  /** HTTP status; null when there was no answer. */
  readonly status: number | null
  readonly error: string | null
  /** The address that the name had when the order was sent. */
  readonly address: string | null
}

export type OrderSummary = {
  readonly sent: number
  readonly acked: readonly OrderAttempt[]
  readonly failed: number
  /** The longest time between two acknowledgements next to each other, in ms; 0 with fewer than two. */
  readonly longest_gap_ms: number
  readonly gap: { readonly from: number; readonly to: number } | undefined
}

/** Reads a log of orders.ts; a last line cut short by a kill is left out. */
export async function readLog(path: string): Promise<readonly OrderAttempt[]> {
  const lines = (await readFile(path, 'utf8')).split('\n')
  lines.pop()
  return lines.map((line) => JSON.parse(line) as OrderAttempt)
}

/** What the client saw: how many orders were accepted, and how long it had to do without. */
export function summarize(attempts: readonly OrderAttempt[]): OrderSummary {
  const acked = attempts
    .filter((attempt) => attempt.acked_at !== null)
    .sort((one, other) => one.acked_at! - other.acked_at!)
  let gap: { from: number; to: number } | undefined
  for (const [index, attempt] of acked.entries()) {
    const from = acked[index - 1]?.acked_at
    const to = attempt.acked_at!
    if (from != null && (gap === undefined || to - from > gap.to - gap.from)) gap = { from, to }
  }
  return {
    sent: attempts.length,
    acked,
    failed: attempts.length - acked.length,
    longest_gap_ms: gap === undefined ? 0 : gap.to - gap.from,
    gap,
  }
}
