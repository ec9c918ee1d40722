/**
 * `did you mean "front"?`, or the list of what there is. Undefined where there is nothing to name.
 * A suggestion is at most a third of the word away, so that unlike names are not offered.
 */
export function suggest(word: string, known: Iterable<string>, noun: string): string | undefined {
  const names = [...known]
  const near = nearest(word, names)
  if (near !== undefined) return `did you mean "${near}"?`
  if (names.length === 0) return `there are no ${noun}`
  const shown = names.slice(0, LISTED).join(', ')
  return names.length > LISTED ? `${noun}: ${shown}, and ${names.length - LISTED} more` : `${noun}: ${shown}`
}

export function nearest(word: string, names: readonly string[]): string | undefined {
  const limit = Math.max(1, Math.floor(word.length / 3))
  let best: { name: string; distance: number } | undefined
  if (word.length > LONGEST || names.length > MOST) return undefined
  for (const name of names) {
    if (Math.abs(name.length - word.length) > limit) continue
    const distance = editDistance(word, name)
    if (distance <= limit && (best === undefined || distance < best.distance)) best = { name, distance }
  }
  return best?.name
}

/** More names than this are not listed in a hint. */
const LISTED = 8
/** Beyond these a suggestion costs more than it helps. */
const LONGEST = 64
const MOST = 2000

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, before[j - 2]! + 1)
      row.push(cost)
    }
    before = previous
    previous = row
  }
  return previous[b.length]!
}
