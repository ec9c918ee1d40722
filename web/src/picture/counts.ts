import { useRef } from 'react'
import type { Answer } from '../api/client.ts'
import { useAnswer } from '../api/queries.ts'
import type { Edge } from './rows.ts'

type Counters = Answer<'counters'>
type Appliance = Counters['appliances'][number]

/** How often the appliances are asked while somebody looks. */
const every_ms = 5_000

export type Count = {
  readonly words: string
  readonly chain: string
  readonly verdict: 'accept' | 'drop' | 'translate'
  readonly packets: number
  /** Since the look before; undefined at the first. */
  readonly per_s: number | undefined
}

export type Counts = {
  readonly site: string | undefined
  readonly at: string | undefined
  readonly error: Error | null
  /** Rules of an appliance in the order of its file. */
  of(appliance: string): { readonly rules: readonly Count[]; readonly silence: string | undefined }
  /** The rule that lets a flow pass. */
  rule(edge: Edge): Count | undefined
  /** What balancers say of a machine, or of all that are behind one of them. */
  servers(of: { readonly machine?: string; readonly appliance?: string }): Appliance['servers']
}

export function useCounts(stack: string): Counts {
  const answer = useAnswer('counters', { stack }, { every_ms })
  const seen = useRef<{ now: Counters | undefined; before: Counters | undefined }>({
    now: undefined,
    before: undefined,
  })
  if (answer.data !== undefined && answer.data !== seen.current.now)
    seen.current = { now: answer.data, before: seen.current.now }
  const { now, before } = seen.current
  const apart_s = now === undefined || before === undefined ? 0 : (Date.parse(now.at) - Date.parse(before.at)) / 1000
  const find = (all: Counters | undefined, name: string) => all?.appliances.find((each) => each.name === name)
  const same = before?.site === now?.site

  function of(name: string) {
    const [is, was] = [find(now, name), same ? find(before, name) : undefined]
    const rules = (is?.rules ?? []).map((rule): Count => {
      const last = was?.rules.find((each) => keyOf(each) === keyOf(rule))
      // Fewer than before: the rules were loaded again meanwhile.
      const known = last !== undefined && apart_s > 0 && rule.packets >= last.packets
      return { ...rule, per_s: known ? (rule.packets - last.packets) / apart_s : undefined }
    })
    return { rules, silence: is?.silence }
  }

  return {
    site: now?.site,
    at: now?.at,
    error: answer.error,
    of,
    rule: ({ counted }) =>
      counted === undefined
        ? undefined
        : of(counted.appliance).rules.find((each) => each.words === counted.words && each.verdict === 'accept'),
    servers: ({ machine, appliance }) =>
      (now?.appliances ?? [])
        .filter((each) => appliance === undefined || each.name === appliance)
        .flatMap((each) => each.servers.filter((server) => machine === undefined || server.machine === machine)),
  }
}

const keyOf = (rule: Appliance['rules'][number]): string => `${rule.chain} ${rule.verdict} ${rule.words}`
