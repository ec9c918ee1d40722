/** Seconds of `10s`, `5m`, `1h30m`, `2d`; undefined where it is none. Units go from large to small, each once. */
export function parseDuration_s(text: string): number | undefined {
  const match = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text)
  if (match === null || text === '') return undefined
  const [d, h, m, s] = match.slice(1).map((digits) => Number(digits ?? 0)) as [number, number, number, number]
  const seconds = ((d * 24 + h) * 60 + m) * 60 + s
  return Number.isSafeInteger(seconds) ? seconds : undefined
}

/** `12 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`: two units at most, never `60` of the smaller one. */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`
  if (Math.round(ms) < 1_000) return `${Math.round(ms)} ms`
  if (Math.round(ms / 100) < 600) return `${(ms / 1_000).toFixed(1)} s`
  const s = Math.round(ms / 1_000)
  if (s < 3_600) return twoUnits(Math.floor(s / 60), 'min', s % 60, 's')
  const min = Math.round(s / 60)
  if (min < 24 * 60) return twoUnits(Math.floor(min / 60), 'h', min % 60, 'min')
  const h = Math.round(s / 3_600)
  return twoUnits(Math.floor(h / 24), 'd', h % 24, 'h')
}

/** `280 kB`, `1.2 MB`: decimal units, as on the wire. */
export function formatBytes(bytes: number): string {
  let value = bytes
  for (const unit of ['B', 'kB', 'MB', 'GB', 'TB'] as const) {
    // 999.5 would round up to 1000 of this unit.
    if (Math.abs(value) < 999.5 || unit === 'TB')
      return unit === 'B' || Math.abs(value) >= 9.95 ? `${Math.round(value)} ${unit}` : `${value.toFixed(1)} ${unit}`
    value /= 1_000
  }
  throw new Error('unreachable')
}

/** Bytes of a transfer. Even one without changes takes some, so 0 says that nobody could count them. */
export function formatSent(bytes: number): string {
  return bytes === 0 ? 'bytes not counted' : formatBytes(bytes)
}

function twoUnits(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`
}
