/** What a run has measured, one row each. Nothing is asserted: a goal that is missed is printed as missed. */
const rows: string[] = []

export function row(what: string, value: string, floor: string, goal: string, held: boolean): void {
  const line = `${what.padEnd(56)} ${value.padStart(16)}  ${floor.padStart(24)}  ${goal.padEnd(18)} ${held ? 'held' : 'MISSED'}`
  rows.push(line)
  // The whole takes long: what is known is said.
  console.log(line)
}

export function printRows(): void {
  console.log(`\n${'what'.padEnd(56)} ${'seen'.padStart(16)}  ${'floor'.padStart(24)}  goal`)
  for (const each of rows) console.log(each)
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** The value that so many of all do not exceed; of few values the 99th percentile is the highest. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

export const sum = (values: readonly number[]): number => values.reduce((all, each) => all + each, 0)
