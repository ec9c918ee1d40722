import { LineCounter, parseDocument } from 'yaml'
import { z } from 'zod'

/** How the physical gear of both sites is taken to be, where the touch points of a move are counted. */
export type Assumptions = {
  /** Pairs of access switches at each site that hypervisors of the stack are connected to. */
  readonly access_pairs: number
  /** Pairs of core switches between these and the firewalls. */
  readonly core_pairs: number
  /** Switches of a pair that are configured each for itself; 1 where the pair is configured as one. */
  readonly switches_per_pair: number
  /** Firewalls of a cluster that are configured each for itself; 1 where they keep themselves equal. */
  readonly firewalls: number
  readonly load_balancers: number
  /** Whether the VLANs of the stack are at the new site already, on every trunk that they need. */
  readonly vlans_ready: boolean
  /** Whether VLANs are also taken away at the old site; the gateways are shut there in any case. */
  readonly clean_up: boolean
}

const few = z.int().min(1).max(64)

const Schema = z.strictObject({
  'access-pairs': few.default(1),
  'core-pairs': z.int().min(0).max(64).default(1),
  'switches-per-pair': z.int().min(1).max(2).default(2),
  firewalls: few.default(1),
  'load-balancers': few.default(1),
  'vlans-ready': z.boolean().default(false),
  'clean-up': z.boolean().default(false),
})

export const usualAssumptions: Assumptions = resolve(Schema.parse({}))

export type AssumptionsProblem = { readonly line: number; readonly column: number; readonly what: string }

/** Parses a file of assumptions, YAML: `access-pairs: 2`. What it leaves out is as usual. */
export function parseAssumptions(text: string): {
  readonly assumptions: Assumptions | undefined
  readonly problems: readonly AssumptionsProblem[]
} {
  const lines = new LineCounter()
  const doc = parseDocument(text, { lineCounter: lines, uniqueKeys: true })
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return { line, column: col }
  }
  if (doc.errors.length > 0)
    return {
      assumptions: undefined,
      problems: doc.errors.map((error) => ({ ...at(error.pos[0]), what: error.message.split('\n')[0] ?? '' })),
    }
  const parsed = Schema.safeParse(doc.toJS({ maxAliasCount: 10 }) ?? {})
  if (parsed.success) return { assumptions: resolve(parsed.data), problems: [] }
  const problems = parsed.error.issues.flatMap((issue) => {
    const names = issue.code === 'unrecognized_keys' ? issue.keys : [String(issue.path[0] ?? '')]
    return names.map((name) => {
      const what =
        issue.code === 'unrecognized_keys'
          ? `there is no assumption "${name}"; there are ${Object.keys(Schema.shape).join(', ')}`
          : `${name}: ${issue.message}`
      return { ...at(placeOf(doc.contents, name)), what }
    })
  })
  return { assumptions: undefined, problems }
}

type Node = { readonly range?: readonly number[] | null }

function placeOf(contents: unknown, name: string): number {
  const items = (
    contents as { readonly items?: readonly { readonly key: Node & { readonly value?: unknown } }[] } | null
  )?.items
  const key = Array.isArray(items) ? items.find((each) => each.key?.value === name)?.key : undefined
  return key?.range?.[0] ?? 0
}

function resolve(file: z.output<typeof Schema>): Assumptions {
  return {
    access_pairs: file['access-pairs'],
    core_pairs: file['core-pairs'],
    switches_per_pair: file['switches-per-pair'],
    firewalls: file.firewalls,
    load_balancers: file['load-balancers'],
    vlans_ready: file['vlans-ready'],
    clean_up: file['clean-up'],
  }
}
