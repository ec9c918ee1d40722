import type {
  Area,
  Capacity,
  Claim,
  Claimed,
  InstanceObject,
  InstanceRef,
  NetworkObject,
  Observed,
  PowerVerb,
  Survey,
} from '../state/objects.ts'

export type { PowerVerb, Survey }

/**
 * What Lifeboat asks of an engine at one site. Our words only; how they map is the driver's matter.
 *
 * Promises of every call: idempotent unless said otherwise; touches only what carries the mark of `stack`; has a limit
 * of time; throws `EngineError` and nothing else for what went wrong outside this program. A call that threw may have
 * taken effect: observe before deciding.
 */
export interface Engine {
  readonly site: string
  readonly facts: EngineFacts

  /** Everything of one stack at this site, in all areas. Cheap enough to be asked before every operation. */
  observe(stack: string, signal?: AbortSignal): Promise<Observed>

  /** Names of the stacks that have anything at this site. */
  stacks(): Promise<readonly string[]>

  /** Does what it can to answer "would this launch work": images present, networks present, free bytes in the pool. */
  survey(): Promise<Survey>

  /** What the site could still give, and what the running instances of a stack take. Slower than `survey`. */
  capacity(stack: string): Promise<Capacity>

  /** Bytes in the pool of each instance with its snapshots left out; undefined where the engine cannot tell. */
  spaceOf(instances: readonly InstanceRef[]): Promise<readonly (number | undefined)[]>

  /** Makes area, network or instance exist as described; a stopped instance is made from its image. An existing instance with another digest is a `conflict`. */
  ensureArea(area: Area): Promise<void>
  ensureNetwork(network: NetworkObject): Promise<void>
  ensureInstance(instance: InstanceObject): Promise<void>

  /** Writes files into an instance (stopped or running). `mode` is octal as a number, 0o600 for secrets. */
  put(instance: InstanceRef, files: readonly PutFile[]): Promise<void>

  /** Sets the recorded digest of an instance, after its configuration was replaced. */
  setDigest(instance: InstanceRef, digest: string): Promise<void>

  /** Makes `target` as a stopped copy-on-write copy of an instance, or of a snapshot of it, at this site. */
  clone(from: InstanceRef & { readonly snapshot?: string }, target: InstanceObject): Promise<void>

  /** `stop` asks the guest and turns to `kill` when `within_s` is over. Pausing a paused instance is no error. */
  power(instance: InstanceRef, verb: PowerVerb, within_s: number): Promise<void>

  /**
   * Cuts or restores the legs of an instance, at once, whether it runs or not: those to outside and services networks
   * (`outer`, the default), or `all`.
   */
  cutLegs(instance: InstanceRef, cut: boolean, which?: 'outer' | 'all'): Promise<void>

  /** Gives a stopped instance another name in its area. Done where the new name is there and the old one is not. */
  rename(instance: InstanceRef, name: string): Promise<void>

  /** Runs a command in a running instance. A non-zero exit is a result, not an error. */
  exec(instance: InstanceRef, argv: readonly string[], within_s: number): Promise<ExecResult>

  /**
   * The address that DHCP gave to an interface of a running instance, or the global IPv6 address that it has; undefined
   * while there is none.
   */
  leaseOf(instance: InstanceRef, interfaceName: string, family?: 4 | 6): Promise<string | undefined>

  /** The last lines of an instance's console, for diagnosis. */
  consoleTail(instance: InstanceRef, lines: number): Promise<string>

  /**
   * Snapshots all named instances under one name. `together`: pauses them, snapshots in parallel, resumes, whatever
   * happens. Not idempotent: an existing snapshot of that name is a `conflict`.
   */
  checkpoint(instances: readonly InstanceRef[], name: string, consistency: 'together' | 'each'): Promise<Checkpoint>

  /** Brings the replica at this site to the snapshots of the source at the other site. See `Transfer`. */
  receive(transfer: Transfer, progress?: (bytes: number) => void, signal?: AbortSignal): Promise<Received>

  removeSnapshot(instance: InstanceRef, snapshot: string): Promise<void>
  removeInstance(instance: InstanceRef): Promise<void>
  removeNetwork(network: NetworkObject): Promise<void>
  /** Fails with `conflict` while anything is in it. */
  removeArea(area: Area): Promise<void>

  /** The claim of this site. `swapClaim` with `expect: undefined` makes the first one; a claim that changed since it was read is a `conflict`. */
  readClaim(stack: string): Promise<Claimed | undefined>
  swapClaim(stack: string, expect: string | undefined, next: Claim): Promise<Claimed>
  removeClaim(stack: string, expect: string): Promise<void>

  close(): Promise<void>
}

/** What an engine can do, as data. */
export type EngineFacts = {
  readonly name: string
  readonly version: string
  /** Whether a replica can be sent back incrementally once the roles have turned. */
  readonly reverse_incremental: boolean
  readonly copy_on_write: boolean
}

export type PutFile = { readonly path: string; readonly content: Uint8Array | string; readonly mode: number }

export type ExecResult = { readonly exit: number; readonly stdout: string; readonly stderr: string }

export type Checkpoint = { readonly taken_at: string; readonly pause_ms: number }

/**
 * One replica brought up to date. `source` is the engine of the other site (same kind). The replica keeps its name and
 * area; snapshots that the source no longer has disappear from it - clones made of them do not.
 * A replica of another instance is a `conflict` and is left alone.
 * No progress for `stall_s` ends it with `timed-out`, and the transfer is cancelled at both ends.
 */
export type Transfer = {
  readonly source: Engine
  readonly from: InstanceRef
  readonly to: InstanceObject
  readonly snapshot: string
  readonly stall_s: number
}

export type Received = {
  /** Bytes that arrived for this transfer, as far as the engine tells. */
  readonly bytes: number
  /** False where the whole instance was sent. */
  readonly incremental: boolean
  /** What became of the limit of bandwidth, where the site file has one. */
  readonly limit?: string
}
