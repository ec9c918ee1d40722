import type { IncusNetwork, IncusSite } from './site.ts'

/** Bytes that a transfer put on the wire, as the source's kernel counted them. */
export type Metered = {
  /** Reads the counter; answers the bytes of this transfer so far. */
  sample(): Promise<number>
  /** A last reading; answers the bytes of this transfer. */
  end(): Promise<number>
}

/**
 * Counts what leaves a site over the interface that has its replication address. Incus itself tells the bytes of a
 * transfer once a second and in words only; a refresh is over before. The counter is of the interface: what several
 * transfers send at the same time is shared equally between them, so that their sum is right, also those of other stacks
 * that another process moves. Anything else that uses the interface counts too.
 */
export type WireMeter = { begin(): Promise<Metered | undefined> }

export function wireMeter(site: IncusSite): WireMeter {
  const active = new Set<{ bytes: number }>()
  let found: Promise<string | undefined> | undefined
  let last: number | undefined
  let reading: Promise<void> | undefined

  async function read(name: string): Promise<void> {
    const [{ value }, sending] = await Promise.all([
      site.client.get<NetworkState>(`/1.0/networks/${name}/state`),
      sendingNow(site).catch(() => 0),
    ])
    const sent = value.counters.bytes_sent
    // A counter that went back is of an interface that was made anew.
    const grown = last === undefined ? 0 : Math.max(0, sent - last)
    last = sent
    for (const share of active) share.bytes += grown / Math.max(active.size, sending)
  }

  /** One reading at a time; who asks meanwhile waits for one that begins after that. */
  async function readInTurn(name: string): Promise<void> {
    while (reading !== undefined) await reading.catch(() => undefined)
    reading = read(name).finally(() => {
      reading = undefined
    })
    await reading
  }

  return {
    async begin() {
      found ??= interfaceOf(site)
      const name = await found.catch(() => undefined)
      if (name === undefined) {
        found = undefined
        return undefined
      }
      // What was sent while nobody was counting belongs to nobody.
      if (active.size === 0) last = undefined
      await readInTurn(name).catch(() => undefined)
      const share = { bytes: 0 }
      active.add(share)
      const sample = async () => {
        await readInTurn(name).catch(() => undefined)
        return Math.round(share.bytes)
      }
      return {
        sample,
        end: async () => {
          const bytes = await sample()
          active.delete(share)
          return bytes
        },
      }
    },
  }
}

/** Transfers that have begun at this site and have not ended, whoever asked for them. */
async function sendingNow(site: IncusSite): Promise<number> {
  const { value } = await site.client.get<Operations>('/1.0/operations?recursion=1&all-projects=true')
  return (value.running ?? []).filter((each) => /^Migrating/.test(each.description)).length
}

type Operations = { readonly running?: readonly { readonly description: string }[] }

async function interfaceOf(site: IncusSite): Promise<string | undefined> {
  const url = site.options.replicationUrl
  if (url === undefined) return undefined
  const address = new URL(url).hostname.replace(/^\[|\]$/g, '')
  const { value } = await site.client.get<readonly IncusNetwork[]>('/1.0/networks?recursion=1')
  const listed = value.filter((each) => !each.managed && each.type !== 'loopback').map((each) => each.name)
  for (const name of [site.options.replicationInterface ?? 'wan', ...listed]) {
    const state = await site.client.get<NetworkState>(`/1.0/networks/${name}/state`).catch(() => undefined)
    if (state?.value.addresses?.some((each) => each.address === address)) return name
  }
  return undefined
}

type NetworkState = {
  readonly addresses: readonly { readonly address: string }[] | null
  readonly counters: { readonly bytes_sent: number }
}
