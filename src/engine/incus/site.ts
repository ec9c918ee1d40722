import type { IncusClient } from './client.ts'
import type { IncusOptions } from './options.ts'

/** What every call of the driver works with. */
export type IncusSite = {
  readonly options: IncusOptions
  readonly client: IncusClient
}

/** The parts of Incus' answers that are read (its `shared/api`). */
export type IncusProject = {
  readonly name: string
  readonly description: string
  readonly config: Record<string, string>
  readonly used_by?: readonly string[]
}

export type IncusNetwork = {
  readonly name: string
  readonly type: string
  /** `Pending`, `Created`, `Errored`. */
  readonly status: string
  readonly managed: boolean
  readonly config: Record<string, string>
}

export type IncusInstance = {
  readonly name: string
  readonly architecture: string
  readonly description: string
  readonly ephemeral: boolean
  readonly config: Record<string, string>
  readonly devices: Record<string, Record<string, string>>
  readonly profiles: readonly string[]
  readonly status: string
  readonly last_used_at: string
}
