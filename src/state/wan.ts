/** What transfers between the sites may take of a site's line, and when. */
export type Wan = {
  readonly limit_bps: number
  /** Less, in these hours. */
  readonly office: { readonly limit_bps: number; readonly hours: Hours } | undefined
  /** IANA name of the time zone of the hours. */
  readonly zone: string
  /** Where the controller passes transfers to this site on, at that rate; undefined: nobody holds the limit. */
  readonly relay: { readonly host: string; readonly port: number } | undefined
}

/** Days are 0 (Sunday) to 6; minutes are of the day, `to` is not in it. */
export type Hours = { readonly days: readonly number[]; readonly from_min: number; readonly to_min: number }

const dayNames: readonly string[] = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

/** Bits per second of `50Mbit`, `2Gbit`, `800kbit`; undefined where it is none. */
export function parseRate_bps(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(k|M|G)bit$/.exec(text)
  if (match === null) return undefined
  return Number(match[1]) * { k: 1e3, M: 1e6, G: 1e9 }[match[2] as 'k' | 'M' | 'G']
}

export function rateWords(bps: number): string {
  const [value, unit] = bps >= 1e9 ? [bps / 1e9, 'G'] : bps >= 1e6 ? [bps / 1e6, 'M'] : [bps / 1e3, 'k']
  return `${Number(value.toFixed(1))} ${unit}bit/s`
}

/** `mon-fri 08:00-18:00`, `sat,sun 10:00-12:00`; hours over midnight belong to the day on which they begin. */
export function parseHours(text: string): Hours | undefined {
  const match = /^(\S+) (\d\d):(\d\d)-(\d\d):(\d\d)$/.exec(text)
  if (match === null) return undefined
  const [, names = '', ...numbers] = match
  const [h1 = 0, m1 = 0, h2 = 0, m2 = 0] = numbers.map(Number)
  const days = names.split(',').flatMap((part) => {
    const [first, last = first] = part.split('-').map((name) => dayNames.indexOf(name))
    if (first === undefined || last === undefined || first < 0 || last < 0) return [-1]
    return Array.from({ length: ((last - first + 7) % 7) + 1 }, (_, index) => (first + index) % 7)
  })
  const [from_min, to_min] = [h1 * 60 + m1, h2 * 60 + m2]
  const good = !days.includes(-1) && h1 < 24 && to_min <= 1440 && m1 < 60 && m2 < 60 && from_min !== to_min
  return good ? { days, from_min, to_min } : undefined
}

/** What holds at an instant. */
export function limitAt({ limit_bps, office, zone }: Wan, at: Date): number {
  return office !== undefined && within(office.hours, zone, at) ? Math.min(limit_bps, office.limit_bps) : limit_bps
}

function within({ days, from_min, to_min }: Hours, zone: string, at: Date): boolean {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(at)
  const part = (type: string) => parts.find((each) => each.type === type)?.value ?? ''
  const day = dayNames.indexOf(part('weekday').toLowerCase())
  const minute = Number(part('hour')) * 60 + Number(part('minute'))
  if (from_min < to_min) return days.includes(day) && minute >= from_min && minute < to_min
  const yesterday = (day + 6) % 7
  return (days.includes(day) && minute >= from_min) || (days.includes(yesterday) && minute < to_min)
}

/** The least of what several sites give at an instant; undefined where none has a limit. */
export function leastAt(wans: readonly (Wan | undefined)[], at: Date): number | undefined {
  const limits = wans.flatMap((wan) => (wan === undefined ? [] : [limitAt(wan, at)]))
  return limits.length === 0 ? undefined : Math.min(...limits)
}
