/** Numbers as a person reads them: exact enough to act on, never more digits than were measured. */
export function duration(ms: number): string {
  const sign = ms < 0 ? '-' : ''
  const value = Math.abs(ms)
  if (value < 1_000) return `${sign}${Math.round(value)} ms`
  if (value < 10_000) return `${sign}${(value / 1_000).toFixed(1)} s`
  if (value < 120_000) return `${sign}${Math.round(value / 1_000)} s`
  if (value < 7_200_000) return `${sign}${Math.round(value / 60_000)} min`
  if (value < 172_800_000) return `${sign}${Math.round(value / 3_600_000)} h`
  return `${sign}${Math.round(value / 86_400_000)} d`
}

export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
  let size = value
  let unit = 0
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000
    unit++
  }
  return `${unit === 0 ? size : size.toFixed(size < 10 ? 2 : size < 100 ? 1 : 0)} ${units[unit]}`
}

/** As `formatSent` of the command line: 0 says that nobody could count them. */
export function sent(value: number): string {
  return value === 0 ? 'not counted' : bytes(value)
}

export function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

const touches: Readonly<Record<string, string>> = {
  'dns-record': 'DNS record',
  'dhcp-lease': 'DHCP lease',
  'bgp-prefix': 'BGP prefix',
}

export const touchWord = (kind: string): string => touches[kind] ?? kind
