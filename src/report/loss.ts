import type { MeasuredLoss } from '../execute/journal.ts'

/** A write that a client was told was accepted. `acked_at` is ISO 8601; null where it was not told so. */
export type Acknowledged = { readonly ref: string; readonly acked_at: string | null }

/**
 * Writes acknowledged before the decision against the records that the launched stack holds. What was acknowledged
 * before the launched point was taken has to be there; what came later is the loss.
 */
export function compareLoss(
  acknowledged: readonly Acknowledged[],
  held: ReadonlySet<string>,
  taken_at: string,
  decided_at: string,
): MeasuredLoss {
  const told = acknowledged.filter(
    (each) => each.acked_at !== null && Date.parse(each.acked_at) <= Date.parse(decided_at),
  )
  const lost = told
    .filter((each) => !held.has(each.ref))
    .map((each) => each.acked_at ?? '')
    .sort()
  return {
    acknowledged: told.length,
    present: told.length - lost.length,
    lost: lost.length,
    lost_before_point: lost.filter((at) => Date.parse(at) <= Date.parse(taken_at)).length,
    oldest_lost_at: lost[0],
  }
}

/** Reads JSON lines {ref, acked_at}, times as ISO 8601 or milliseconds since 1970; a last line that was cut off is left out, any other bad line is an error with its number. */
export function parseAcknowledged(text: string): readonly Acknowledged[] {
  const lines = text.split('\n')
  return lines.flatMap((line, index): readonly Acknowledged[] => {
    if (line.trim() === '') return []
    let value: unknown
    try {
      value = JSON.parse(line)
    } catch {
      if (index === lines.length - 1) return []
      throw new Error(`line ${index + 1} of the record of acknowledged writes is not JSON`)
    }
    const { ref, acked_at } = value as { readonly ref?: unknown; readonly acked_at?: unknown }
    if (typeof ref !== 'string') throw new Error(`line ${index + 1} of the record of acknowledged writes has no ref`)
    return [
      {
        ref,
        acked_at:
          typeof acked_at === 'number'
            ? new Date(acked_at).toISOString()
            : typeof acked_at === 'string'
              ? acked_at
              : null,
      },
    ]
  })
}
