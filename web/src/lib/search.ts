import { useLocation, useSearch } from 'wouter'

/** A value in the address, so that what is shown can be shared; empty ones are left out. */
export function useParam(name: string): readonly [string, (value: string) => void] {
  const search = useSearch()
  const [path, go] = useLocation()
  const value = new URLSearchParams(search).get(name) ?? ''
  const set = (next: string) => {
    const params = new URLSearchParams(window.location.search)
    if (next === '') params.delete(name)
    else params.set(name, next)
    go(params.size === 0 ? path : `${path}?${params}`, { replace: true })
  }
  return [value, set]
}
