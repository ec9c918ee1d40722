import { firewallOf } from '../compile/announced.ts'
import { compile } from '../compile/compile.ts'
import type { Step, TouchPoint } from '../plan/plan.ts'
import { step } from '../plan/step.ts'
import { parseStack } from '../stack/parse.ts'
import type { Ingress, Stack } from '../stack/stack.ts'
import { mayHaveAaaa, recordsOf } from './ipv6.ts'
import type { SiteView, Situation } from './situation.ts'

/** What a stack has had in DNS by the definition that the site runs, and is not to have by the new one. */

/** Names that have an AAAA record of ours now, and are to have none: the update of the A record takes it away. */
export function aaaaLeft(view: SiteView, stack: Stack): ReadonlySet<string> {
  const before = definedAt(view)
  const names = stack.ingress.flatMap((entry) => {
    const was = before?.stack.ingress.find(({ name, dns }) => dns && name === entry.name)
    return was !== undefined && mayHaveAaaa(before!.view, was) && !mayHaveAaaa(view, entry) ? [entry.name] : []
  })
  return new Set(names)
}

/** Takes away records of names that the stack file has no more, where they still are what this stack has set. */
export function dropSteps(situation: Situation, view: SiteView, after: readonly string[]): readonly Step[] {
  return namesLeft(situation, view).map(({ entry, firewall, view: before }) => {
    const lease_step = `lease ${firewall}`
    const records = recordsOf(before, entry)
    return step(
      'verify',
      view.site.name,
      `drop dns ${entry.name}`,
      { do: 'dns-drop', name: entry.name, lease_step, ...records },
      'it is no name of the stack file any more',
      {
        after: [lease_step, ...after],
        undo: [{ do: 'dns', name: entry.name, ttl_s: entry.ttl_s, lease_step, ...records }],
      },
    )
  })
}

export function droppedTouches(situation: Situation, view: SiteView): readonly TouchPoint[] {
  return namesLeft(situation, view).map(({ entry }) => ({ kind: 'dns-record', what: `${entry.name}, removed` }))
}

type Left = { readonly entry: Ingress; readonly firewall: string; readonly view: SiteView }

function namesLeft({ stack }: Situation, view: SiteView): readonly Left[] {
  const before = definedAt(view)
  if (before === undefined || view.site.dns === undefined) return []
  const kept = new Set(stack.ingress.flatMap(({ name, dns }) => (dns ? [name] : [])))
  return before.stack.ingress.flatMap((entry): Left[] => {
    // By its lease it is known what the record holds: a firewall that is gone with the name leaves its record to others.
    const firewall = firewallOf(stack.firewalls, entry.to)?.name
    if (!entry.dns || kept.has(entry.name) || firewall === undefined) return []
    return [{ entry, firewall, view: before.view }]
  })
}

function definedAt(view: SiteView): { readonly stack: Stack; readonly view: SiteView } | undefined {
  const definition = view.answer?.observed.claim?.claim.definition
  const stack = definition && parseStack(definition.text, definition.file).stack
  return stack && { stack, view: { ...view, compiled: compile(stack) } }
}
