import { z } from 'zod'
import { readYaml, type YamlProblem } from '../lib/yaml.ts'

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

/** Parses a file of assumptions, YAML: `access-pairs: 2`. What it leaves out is as usual. */
export function parseAssumptions(text: string): {
  readonly assumptions: Assumptions | undefined
  readonly problems: readonly YamlProblem[]
} {
  const { value, problems } = readYaml(text, Schema, undefined)
  return { assumptions: value === undefined ? undefined : resolve(value), problems }
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
