import { useMutation, useQuery } from '@tanstack/react-query'

type Play = { readonly name: string; readonly about: string }
const limit_ms = 5_000

/** Only in the tour, whose sites are in memory: what may be done to them. */
export function PlayBar() {
  const plays = useQuery({
    queryKey: ['tour'],
    queryFn: async () =>
      (await (await fetch('/tour', { signal: AbortSignal.timeout(limit_ms) })).json()) as readonly Play[],
  })
  const play = useMutation({
    mutationFn: async (name: string) => {
      const answered = await fetch('/tour', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ play: name }),
        signal: AbortSignal.timeout(limit_ms),
      })
      return ((await answered.json()) as { readonly said: string }).said
    },
  })
  if (plays.data === undefined) return null
  return (
    <details className="play">
      <summary>Faults to play with</summary>
      {plays.data.map(({ name, about }) => (
        <button key={name} type="button" title={about} onClick={() => play.mutate(name)}>
          {name}
        </button>
      ))}{' '}
      <span role="status">{play.error !== null ? play.error.message : play.data}</span>
    </details>
  )
}
