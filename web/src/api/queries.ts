import { keepPreviousData, QueryClient, type UseQueryResult, useQuery } from '@tanstack/react-query'
import { type Answer, CallError, call, rememberCsrf } from './client.ts'
import type { PathName } from './paths.ts'

/** What is on the page comes from here: read once, then kept up by the stream of events. */
export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      networkMode: 'always',
      refetchOnWindowFocus: true,
      // Once more where there was no answer at all; what was refused stays refused.
      retry: (failures, error) => failures < 1 && error instanceof CallError && error.status === 0,
      retryDelay: 1_000,
    },
    mutations: { networkMode: 'always' },
  },
})

export function useAnswer<N extends PathName>(
  name: N,
  params: Readonly<Record<string, string>> = {},
  options: {
    readonly query?: Readonly<Record<string, string | number | undefined>>
    readonly every_ms?: number
    readonly enabled?: boolean
    /** While something else is asked for, the answer before stays. */
    readonly keep?: boolean
  } = {},
): UseQueryResult<Answer<N>, Error> {
  return useQuery({
    queryKey: keyOf(name, params, options.query),
    queryFn: () => call(name, { params, ...(options.query === undefined ? {} : { query: options.query }) }),
    ...(options.every_ms === undefined ? {} : { refetchInterval: options.every_ms }),
    ...(options.enabled === undefined ? {} : { enabled: options.enabled }),
    ...(options.keep === true ? { placeholderData: keepPreviousData } : {}),
  })
}

export function keyOf(
  name: PathName,
  params: Readonly<Record<string, string>> = {},
  query?: Readonly<Record<string, string | number | undefined>>,
): readonly unknown[] {
  return query === undefined ? [name, params] : [name, params, query]
}

/** Who I am; nobody where I did not sign in. */
export function useMe(): UseQueryResult<Answer<'me'> | null, Error> {
  return useQuery({
    queryKey: keyOf('me'),
    staleTime: 60_000,
    queryFn: async () => {
      try {
        const me = await call('me')
        rememberCsrf(me.csrf)
        return me
      } catch (error) {
        if (error instanceof CallError && error.status === 401) return null
        throw error
      }
    },
  })
}
