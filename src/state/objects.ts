/**
 * One vocabulary for what should be at a site and what was seen there; their difference is a function (`plan/diff.ts`).
 * Names are ours. A driver says in its own folder how they map to an engine.
 */

/** Where the objects of a stack live at a site. Each is separate: what happens in one cannot touch another. */
export type Area =
  /** The launched stack. */
  | { readonly kind: 'stack'; readonly stack: string }
  /** Replicas and prepared appliances; nothing in it is ever started. */
  | { readonly kind: 'replica'; readonly stack: string }
  /** Clones of received points; no transfer touches it, nothing in it is ever started. */
  | { readonly kind: 'keep'; readonly stack: string }
  /** The instance that looks from a standby at what a launch there would meet. */
  | { readonly kind: 'watch'; readonly stack: string }
  /** One drill. */
  | { readonly kind: 'bubble'; readonly stack: string; readonly drill: string }

export type NetworkObject = {
  readonly type: 'network'
  readonly area: Area
  readonly segment: string
}

export type InstanceObject = {
  readonly type: 'instance'
  readonly area: Area
  readonly name: string
  readonly role: 'machine' | 'appliance'
  /** Image alias at the site. */
  readonly image: string
  readonly nics: readonly Nic[]
  /** Digest of what it was made from: definition, configuration files and secrets. Equal digests mean equal instances. */
  readonly digest: string
}

export type Nic =
  | { readonly interface: string; readonly mac: string; readonly network: 'segment'; readonly segment: string }
  /** In a bubble `outside` and `services` are networks of the bubble; `site-services` is the site's own in every area. */
  | { readonly interface: string; readonly mac: string; readonly network: 'outside' | 'services' | 'site-services' }

export type InstanceRef = { readonly area: Area; readonly name: string }

/** What a site shows of one stack, in all its areas. Only objects that carry the stack's mark are in it. */
export type Observed = {
  readonly site: string
  readonly at: string
  readonly claim: Claimed | undefined
  readonly areas: readonly ObservedArea[]
}

export type ObservedArea = {
  readonly area: Area
  /** `half_made`: listed, and its engine never made it to the end; nothing can be connected to it until it is made again. */
  readonly networks: readonly (NetworkObject & { readonly half_made?: true })[]
  readonly instances: readonly ObservedInstance[]
  /** Networks that are not as they were made. */
  readonly changed_networks?: readonly { readonly segment: string; readonly changes: readonly HandChange[] }[]
}

/** What the engine holds other than Lifeboat made it: somebody changed it there. */
export type HandChange = {
  /** As the engine names it: `config limits.memory`, `device nic-app hwaddr`. */
  readonly place: string
  /** Undefined: was not there. */
  readonly made: string | undefined
  /** Undefined: is gone. */
  readonly found: string | undefined
}

export type ObservedInstance = {
  readonly object: InstanceObject
  readonly power: Power
  /** Snapshots listed by the engine. A listing proves nothing about their data. */
  readonly snapshots: readonly string[]
  /** ISO 8601, of the last start; absent where never started. */
  readonly started_at: string | undefined
  /** Listed, and its engine died before it was made to the end: not to be started or cloned, but made again. */
  readonly half_made?: true
  /** Fingerprint of the image that it was made from. */
  readonly made_from?: string
  /** Of launched and of prepared instances only. */
  readonly by_hand?: readonly HandChange[]
}

export type Power = 'running' | 'stopped' | 'paused' | 'broken'

/** A claim as read, with the version that a change of it has to name. */
export type Claimed = { readonly claim: Claim; readonly version: string }

/** The record, kept at each site, of that site's role for a stack. Changed by compare-and-swap only. */
export type Claim = {
  readonly stack: string
  readonly role: 'active' | 'standby' | 'stale'
  /** Counts up with every change of the active site; the newest epoch decides. */
  readonly epoch: number
  /** The other site. */
  readonly peer: string | undefined
  /** Who or what decided, and when: `root@ops: site east stated down`. */
  readonly decided: { readonly by: string; readonly at: string; readonly why: string }
  /** Complete points at this site, newest first. */
  readonly points: readonly Point[]
  /** The point that the active stack was launched from; undefined where it was deployed. */
  readonly launched: string | undefined
  /** The stack file that the site would launch, and where it came from. */
  readonly definition: Definition | undefined
  /** Given up in good order: all that was written here is in this point. */
  readonly handed?: { readonly to: string; readonly point: string } | undefined
  /** Copies with writes that no point has, set aside in the keep until a person lets them go. */
  readonly rescues?: readonly Rescue[] | undefined
  /** The newest drill at this site. */
  readonly proof?: Proof | undefined
  /** A drill that somebody runs at this site: nobody else begins one or removes its bubble meanwhile. */
  readonly drilling?: Drilling | undefined
}

/** Who runs a drill, and by which process: on the machine where that ran anybody can see whether it still does. */
export type Drilling = {
  readonly drill: string
  readonly by: string
  readonly since: string
  readonly owner: Owner
}

/** A process, so that another one of the same machine can tell whether it is gone; a number alone comes back. */
export type Owner = {
  readonly host: string
  readonly boot: string
  /** Its pid namespace, without which the number says nothing. */
  readonly namespace: string
  readonly pid: number
  /** Start of the process in clock ticks since boot. */
  readonly start: string
}

/** The record of a drill, bound to what was drilled. */
export type Proof = {
  readonly drill: string
  readonly verdict: 'passed' | 'failed'
  readonly started_at: string
  readonly ended_at: string
  readonly point: string | undefined
  /** Digest of the stack file. */
  readonly digest: string
  /** What was drilled, by part (`fw`, `db1`, `checks`), each as a few digests: see operations/drill-parts.ts. */
  readonly parts: Readonly<Record<string, string>>
  /** Good ones of all; a drill with a check that was not good is `failed`. */
  readonly checks: number
  /** Flows proved by packets, undeclared ones seen not to pass, and those of which nothing was seen. */
  readonly matrix: { readonly pass: number; readonly stopped: number; readonly no_evidence: number }
  readonly not_tested: readonly string[]
  /** The bubble was left up. */
  readonly kept: boolean
}

export type Definition = {
  readonly text: string
  readonly file: string
  /** SHA-256 of the text. */
  readonly digest: string
  /** SHA-256 of each secret's content, by name. */
  readonly secrets: Readonly<Record<string, string>>
}

/** The stateful machines of a site as it was left when it lost its role: clones `db1-rescue-1` in the keep. */
export type Rescue = {
  /** The epoch under which the site was active. */
  readonly epoch: number
  readonly machines: readonly string[]
  /** When it was set aside. */
  readonly at: string
}

/** A complete recovery point: every stateful machine arrived and was verified by cloning it into the keep. */
export type Point = {
  /** `p20261122-181207-123`: sorts by time, UTC. */
  readonly name: string
  readonly taken_at: string
  readonly complete_at: string
  readonly pause_ms: number
  /** Bytes sent to the standby for this point; 0 where no counter of the way is known at the source. */
  readonly sent_bytes: number
  readonly incremental: boolean
  readonly machines: readonly string[]
  /** Digest of the stack that wrote it. */
  readonly digest: string
  /** Taken in the bubble of this drill, not at the active site: it holds what was written there. */
  readonly drill?: string | undefined
}

export type PowerVerb = 'start' | 'stop' | 'kill' | 'pause' | 'resume'

/** What a site could still give; absent members are what its engine cannot tell. */
export type Capacity = {
  readonly memory: { readonly free_bytes: number; readonly total_bytes: number } | undefined
  readonly cpus: number | undefined
  /** Busy processors, on average over the last minute. */
  readonly load: number | undefined
  /** Running instances of the stack, and what they take now. */
  readonly instances: readonly { readonly name: string; readonly memory_bytes: number | undefined }[]
}

/** What a site could tell before a launch. */
export type Survey = {
  /** Image aliases that can be launched, with their fingerprints. */
  readonly images: Readonly<Record<string, string>>
  readonly outside: boolean
  readonly services_network: boolean
  /**
   * Bridges of the engine's own, without an uplink, on which it gives no addresses; of others it knows nothing. `alone`: nothing
   * else is there that could give any, so that nobody does.
   */
  readonly without_dhcp?: readonly { readonly network: 'outside' | 'services'; readonly alone: boolean }[]
  readonly pool: {
    readonly name: string
    readonly driver: string
    readonly free_bytes: number
    readonly total_bytes: number
  }
  /** Milliseconds that the site's clock is ahead of ours (negative: behind), as far as its answers tell; resolution about a second. */
  readonly clock_ahead_ms: number
}
