/** What was read in a running appliance, by the appliance's own tools. No content of a secret is in it. */
export type Inspection = {
  /** Digest of each file as Lifeboat wrote it last, by path; undefined where it never left such a record. */
  readonly written: Readonly<Record<string, string>> | undefined
  readonly files: Readonly<Record<string, InspectedFile>>
  /** Both as the kernel tells them, so that they can be compared: what is loaded, and what its file would load. */
  readonly ruleset: { readonly loaded: string; readonly meant: string } | undefined
  /** When the program began that serves now, in seconds since 1970; absent where none runs. */
  readonly began_s: { readonly haproxy?: number; readonly dnsmasq?: number }
  /** The first certificate of each secret that has one, in PEM, by path; never a key. */
  readonly certificates: Readonly<Record<string, string>>
  /** HAProxy's own table of its servers (`show servers state`). */
  readonly servers: string | undefined
}

export type InspectedFile = {
  readonly sha256: string
  /** Of its content or its name (ctime), in seconds since 1970. */
  readonly changed_s: number
  /** Absent for secrets. */
  readonly text?: string
}

/** Where an appliance keeps the digests of what Lifeboat wrote into it; lines as sha256sum(1) reads them. */
export const manifestPath = '/etc/lifeboat/manifest'
