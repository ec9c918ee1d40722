import type { ConfigFile, ReadyProbe, SecretFile } from '../compile/compiled.ts'
import type { WatchedService } from '../compile/watch.ts'
import type {
  Area,
  Claim,
  Definition,
  Drilling,
  InstanceObject,
  InstanceRef,
  NetworkObject,
  Point,
  PowerVerb,
  Proof,
} from '../state/objects.ts'

/**
 * What an operation will do: every step, in order, with its reason and its undo. A document: it is shown, stored in the
 * journal and executed as it stands. Execution decides nothing new.
 */
export type Plan = {
  readonly verb: Verb
  readonly stack: string
  readonly made_at: string
  /** One sentence: `launch shop at west from point p-2026... (age 4 s), taking epoch 2`. */
  readonly summary: string
  readonly steps: readonly Step[]
  readonly touches: readonly TouchPoint[]
  /** How much the same would touch with VLANs and contexts on physical gear, as `lifeboat touchpoints` tells in full. */
  readonly physical_otherwise?: PhysicalCount
  readonly not_tested: readonly string[]
  /** The point that is launched, where there is one. */
  readonly point: Point | undefined
  /** False where nothing can be taken back from the first step on, as in destroy: a failure can only be resumed. */
  readonly undoable: boolean
  /** Facts that planning found and a reader should know; none of them stops the operation. */
  readonly findings: readonly Finding[]
  /** What was looked at before, and seen; where it matters to a reader that it was. */
  readonly looked?: readonly Looked[]
  readonly estimate?: Estimate
}

export type PhysicalCount = { readonly touches: number; readonly devices: number }

/** One thing that could have failed the operation, and what was seen of it; `no evidence` where nothing could be. */
export type Looked = { readonly what: string; readonly seen: string }

/** The outage that a move would have, by phase, each with what it is known from; no number where nothing is known. */
export type Estimate = {
  readonly phases: readonly {
    readonly phase: 'stop' | 'last transfer' | 'launch'
    readonly s: number | undefined
    readonly from: string
  }[]
}

export type Verb =
  | 'deploy'
  | 'replicate'
  | 'failover'
  | 'drill'
  | 'move'
  | 'reprotect'
  | 'failback'
  | 'guard'
  | 'rescue'
  | 'destroy'

export type Step = {
  /** Unique in the plan, readable: `clone db1`. */
  readonly id: string
  readonly phase: Phase
  readonly site: string
  readonly action: Action
  /** Ids of the steps that have to be done before. */
  readonly after: readonly string[]
  /** Why the step is in the plan. */
  readonly reason: string
  /** What takes it back, where the operation fails before its point of no return. */
  readonly undo: readonly Action[]
  /** Once this step has taken effect, only `resume` is offered. At most one step of a plan has it. */
  readonly point_of_no_return: boolean
  /** A step whose failure is a finding of the report and does not stop the operation. */
  readonly optional: boolean
}

/** In the order in which a reader meets them. */
export const phases = [
  'fence',
  'pre-copy',
  'withdraw',
  'last-copy',
  'claim',
  'prepare',
  'pause',
  'transfer',
  'keep',
  'build',
  'start',
  'swap',
  'ready',
  'ingress',
  'verify',
  'stop',
  'clean',
  'reprotect',
] as const
export type Phase = (typeof phases)[number]

/** Everything that changes or observes the world. Values known only while running are named by the step that finds them. */
export type Action =
  | { readonly do: 'claim'; readonly expect: string | undefined; readonly next: Claim }
  /** Puts a claim back, if it is still the one that was written. */
  | {
      readonly do: 'restore-claim'
      readonly written: Claim
      readonly before: Claim
      /** A site whose claim must not be of a newer epoch meanwhile, as far as it answers. */
      readonly unless?: string
    }
  /** Changes what a site is to a stack, whatever points it has got meanwhile. */
  | {
      readonly do: 'role'
      readonly stack: string
      readonly from: Pick<Claim, 'role' | 'epoch'>
      /** The newest point that the claim has to list; it is what will be launched. */
      readonly newest?: string
      readonly to: RoleChange
      /** A point that was taken at this site itself, and begins to exist with this change. */
      readonly born?: {
        readonly point: Pick<Point, 'name' | 'machines' | 'digest' | 'drill'>
        readonly checkpoint_step: string
      }
    }
  | { readonly do: 'release-claim'; readonly stack: string }
  | { readonly do: 'area'; readonly area: Area }
  | { readonly do: 'network'; readonly network: NetworkObject }
  | { readonly do: 'instance'; readonly instance: InstanceObject }
  /** Writes configuration and secrets, then records the digest: an instance with the digest has the configuration. */
  | {
      readonly do: 'configure'
      readonly instance: InstanceRef
      readonly files: readonly ConfigFile[]
      readonly secrets: readonly SecretFile[]
      readonly secrets_from: SecretsFrom
      readonly digest: string
    }
  /**
   * Configuration that takes effect in a running appliance: rules in one transaction, programs without losing a
   * connection. `gone`: files that it has no more. Done or not done, never half.
   */
  | {
      readonly do: 'load'
      readonly instance: InstanceRef
      readonly files: readonly ConfigFile[]
      readonly secrets: readonly SecretFile[]
      readonly secrets_from: SecretsFrom
      readonly gone: readonly string[]
      readonly units: readonly LoadUnit[]
      readonly digest: string
    }
  /** Takes a `load` of that digest back, from what it left in the appliance. */
  | {
      readonly do: 'load-back'
      readonly instance: InstanceRef
      readonly units: readonly LoadUnit[]
      readonly digest: string
      readonly before: string
    }
  /** Waits until an appliance is seen to have taken its configuration; `plugged`: and to serve on its legs. */
  | { readonly do: 'sound'; readonly instance: InstanceRef; readonly plugged: boolean; readonly within_s: number }
  | { readonly do: 'rename'; readonly instance: InstanceRef; readonly name: string }
  /** Asks at a client's place until an answer is good, each try for `try_s`: what a client feels of a swap or a launch. */
  | {
      readonly do: 'felt'
      readonly place: string
      readonly check: CheckAction
      readonly within_s: number
      readonly try_s: number
      readonly every_ms: number
    }
  | {
      readonly do: 'clone'
      readonly from: InstanceRef & { readonly snapshot?: string }
      readonly target: InstanceObject
    }
  | { readonly do: 'power'; readonly instance: InstanceRef; readonly verb: PowerVerb; readonly within_s: number }
  /** Cuts the legs to outside and services networks, so that what goes on running is seen by nobody; or all legs. */
  | { readonly do: 'cut-legs'; readonly instance: InstanceRef; readonly cut: boolean; readonly which?: 'all' }
  /** Waits until all probes have been seen good, from the instance named or (exec) inside the machine. */
  | {
      readonly do: 'ready'
      readonly from: InstanceRef
      readonly machines: readonly InstanceRef[]
      readonly probes: readonly ReadyProbe[]
      readonly within_s: number
    }
  | {
      readonly do: 'checkpoint'
      readonly instances: readonly InstanceRef[]
      readonly name: string
      readonly consistency: 'together' | 'each'
      readonly guests?: readonly GuestFreeze[]
    }
  /** Lets go on what an interrupted checkpoint may have left paused or frozen; all else is left as it is. */
  | {
      readonly do: 'unpause'
      readonly stack: string
      readonly instances: readonly InstanceRef[]
      readonly guests?: readonly GuestFreeze[]
    }
  | {
      readonly do: 'receive'
      readonly source: string
      readonly from: InstanceRef
      readonly to: InstanceObject
      readonly snapshot: string
      readonly stall_s: number
    }
  /** Writes the point into the claim of the standby: from here on it exists. */
  | {
      readonly do: 'complete'
      readonly stack: string
      readonly point: Omit<Point, 'taken_at' | 'complete_at' | 'pause_ms' | 'sent_bytes' | 'incremental'>
      readonly checkpoint_step: string
      readonly receive_steps: readonly string[]
      /** Names of points that stay in the claim beside the new one. */
      readonly keep: readonly string[]
    }
  /** Takes a point out of the claim again, before what it consists of is removed. */
  | { readonly do: 'remove-point'; readonly stack: string; readonly name: string }
  /** Takes points out of the claim of a site that is active, as long as it is so under this epoch. */
  | {
      readonly do: 'forget-points'
      readonly stack: string
      readonly epoch: number
      readonly names: readonly string[]
    }
  /** `as`: only where the site still has that role. */
  | { readonly do: 'definition'; readonly stack: string; readonly definition: Definition; readonly as?: 'standby' }
  | { readonly do: 'remove-snapshot'; readonly instance: InstanceRef; readonly snapshot: string }
  | {
      readonly do: 'remove-instance'
      readonly instance: InstanceRef
      /** How long one that the engine is busy with is waited for. */
      readonly busy_within_s?: number
    }
  | { readonly do: 'remove-network'; readonly network: NetworkObject }
  | { readonly do: 'remove-area'; readonly area: Area }
  /** Sees which central services answer an instance at the site; those over UDP cannot be told. */
  | {
      readonly do: 'reach'
      readonly instance: InstanceRef
      readonly services: readonly WatchedService[]
      readonly within_s: number
    }
  /** Finds the address that DHCP gave to a leg. */
  | {
      readonly do: 'lease'
      readonly instance: InstanceRef
      readonly interface: string
      readonly within_s: number
      /** Finds the IPv6 address too, and goes on without one when it is not there so long after the other. */
      readonly ipv6_within_s?: number
      /** What cannot be done without one: then the step fails. */
      readonly ipv6_for?: string
    }
  /**
   * `address` is the stack's own, the same at every site, or `none`: no A record; without it the lease decides. With `ipv6`
   * the AAAA record is ours too: the address that was found or none (`true`), one of the stack's own, or `none`.
   */
  | {
      readonly do: 'dns'
      readonly name: string
      readonly ttl_s: number
      readonly lease_step: string
      readonly address?: string
      readonly ipv6?: true | string
    }
  | { readonly do: 'dns-remove'; readonly name: string; readonly ipv6?: true }
  /** Removes records of a name where they still hold these addresses: what others have set there stays. */
  | {
      readonly do: 'dns-drop'
      readonly name: string
      readonly lease_step: string
      readonly address?: string
      readonly ipv6?: true | string
    }
  /** Waits until a client's resolver answers with the new address. */
  | {
      readonly do: 'dns-seen'
      readonly place: string
      readonly name: string
      readonly lease_step: string
      readonly address?: string
      readonly ipv6?: true | string
      readonly within_s: number
    }
  /** Waits until the firewall announces its prefixes and the route servers of the site, as far as they can be looked at, have them. */
  | {
      readonly do: 'announced'
      readonly instance: InstanceRef
      readonly prefixes: readonly string[]
      readonly lease_step: string
      readonly within_s: number
    }
  /** Withdraws prefixes in good order, or lets them be announced again. An instance that does not run announces nothing. */
  | {
      readonly do: 'announcing'
      readonly instance: InstanceRef
      readonly prefixes: readonly string[]
      readonly announce: boolean
      readonly within_s: number
    }
  /** Waits for the first good answer at a client's place. */
  | { readonly do: 'check'; readonly place: string; readonly check: CheckAction; readonly within_s: number }
  | DrillAction

/** Commands run inside a machine right before the pause of a checkpoint and right after it. */
export type GuestFreeze = {
  readonly instance: InstanceRef
  readonly freeze: string
  readonly thaw: string
  readonly within_s: number
}

/** Fields of a claim that change with its role; `undefined` takes a field away. */
export type RoleChange = Pick<Claim, 'role' | 'epoch' | 'decided'> & {
  readonly peer?: string
  readonly launched?: string | undefined
  readonly definition?: Definition
  readonly handed?: Claim['handed']
  readonly rescues?: Claim['rescues']
  readonly proof?: Claim['proof']
  readonly drilling?: Claim['drilling']
}

/** What can be loaded in a running appliance: its rules, its balancer with certificates, its addresses and names. */
export type LoadUnit = 'nft' | 'haproxy' | 'dnsmasq'

/** What a drill does that no launch does: look from inside its bubble, and write down what was seen. */
export type DrillAction =
  /** Brings certificates (never keys) from instances of the bubble to the one that will verify them. */
  | {
      readonly do: 'trust'
      readonly from: readonly { readonly instance: InstanceRef; readonly path: string }[]
      readonly instance: InstanceRef
      readonly path: string
    }
  /** A check of the stack as the client in the bubble sees it; `trusted` is absent where nothing verifies a certificate. */
  | {
      readonly do: 'bubble-check'
      readonly instance: InstanceRef
      readonly check: CheckAction
      readonly trusted: string | undefined
      readonly within_s: number
    }
  /** Waits until the firewall of the bubble would announce: it has a route for each prefix, as what is behind it is served. */
  | {
      readonly do: 'offered'
      readonly instance: InstanceRef
      readonly prefixes: readonly string[]
      readonly within_s: number
    }
  | { readonly do: 'matrix'; readonly area: Area; readonly probes: readonly PacketProbe[] }
  | { readonly do: 'border-counters'; readonly instance: InstanceRef; readonly site_leg: boolean }
  /** Looks at what is not part of the drill: the same instances have run all the time, under the same claim. */
  | {
      readonly do: 'untouched'
      readonly stack: string
      readonly epoch: number
      readonly instances: readonly { readonly name: string; readonly started_at: string | undefined }[]
    }
  | {
      readonly do: 'prove'
      readonly stack: string
      readonly proof: DrilledProof
      readonly check_steps: readonly string[]
      readonly matrix_step: string
    }
  /** Says in the claim of the site who drills, atomically; `instead` is a record of somebody who is gone. */
  | {
      readonly do: 'drilling'
      readonly stack: string
      readonly drilling: Drilling
      readonly instead: string | undefined
    }
  /** Takes the record away again, if it still is of this drill. */
  | { readonly do: 'drilled'; readonly stack: string; readonly drill: string }
  /** Undo of what is seen in a bubble: removes its instances side by side; what it can not remove is left to their own undo. */
  | { readonly do: 'clear'; readonly area: Area }
  /** Undo of a drill: what did not end well is no proof, and takes the place of an older one. */
  | { readonly do: 'prove-failed'; readonly stack: string; readonly proof: DrilledProof }

/** What is known of a proof before the drill. */
export type DrilledProof = Omit<Proof, 'verdict' | 'ended_at' | 'checks' | 'matrix'>

/** One packet exchange of the reachability matrix, tried by an instance of the bubble. */
export type PacketProbe = {
  /** Name of the instance that tries. */
  readonly from: string
  /** `address`: the instance has the address, so DHCP has passed. */
  readonly kind: 'tcp' | 'udp' | 'dns' | 'ping' | 'address'
  readonly address: string
  readonly port?: number | undefined
  /** The instance is given a route by this address, so that its packet gets as far as an appliance. */
  readonly via?: string | undefined
  /** Who counts the packet where it has to arrive: a datagram need not be answered. */
  readonly witness?: Witness | undefined
  /** `answered`: let through, whether or not anything listens. `refused`: let through to where it is denied. */
  readonly expect: 'open' | 'answered' | 'refused' | 'blocked'
  /** The flow, for a reader. */
  readonly words: string
}

/** A counter of nftables in an instance of the bubble; `datagrams`: all UDP that its kernel was given. */
export type Witness = { readonly instance: string; readonly counter: string }

/** Where the values of secrets come from: the files that the stack file names, or the appliance that has them at a site. */
export type SecretsFrom =
  | { readonly kind: 'files' }
  | { readonly kind: 'appliance'; readonly site: string; readonly instance: InstanceRef }

export type CheckAction = {
  readonly method: 'GET' | 'HEAD'
  readonly url: string
  readonly status: number
  /** Asked over this version of IP alone; absent: as the client chooses. */
  readonly family?: 4 | 6
}

/** Something outside the stack that an operation has to change. */
export type TouchPoint = { readonly kind: 'dns-record' | 'dhcp-lease' | 'bgp-prefix'; readonly what: string }

/** What planning found: an error means that there is no plan. */
export type Finding = {
  readonly level: 'error' | 'warning' | 'note'
  readonly what: string
  readonly hint: string | undefined
  /** `person`: only a person's word can lift it (exit code 3). */
  readonly needs: 'person' | 'change' | undefined
  /** `shop.yaml:12:5`: where the stack file names what it is about, where that file was read a moment ago. */
  readonly place?: string
}

export type Planned = { readonly plan: Plan } | { readonly refused: readonly Finding[] }

export function refuse(what: string, hint?: string, needs: Finding['needs'] = 'change'): Planned {
  return { refused: [{ level: 'error', what, hint, needs }] }
}
