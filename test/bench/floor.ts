import { Agent, request } from 'undici'
import { exec } from '../../lab/lab.ts'
import { socketOf } from '../../lab/paths.ts'

type Instance = {
  readonly name: string
  readonly config: Readonly<Record<string, string>>
  readonly devices: Readonly<Record<string, unknown>>
  readonly created_from?: string
}

/**
 * The least that a launch can take here: the same clones, created and started all at once by bare calls to Incus, until
 * the application answers at the firewall's address. Removes what was launched before, and then what it made.
 */
export async function launchFloor(site: string, address: string): Promise<number> {
  const call = caller(site)
  const launched = await call<readonly Instance[]>('GET', '/1.0/instances?project=lb-shop&recursion=1')
  await removeAll(site)
  const sources = await origins(call)
  const began = performance.now()
  await Promise.all(
    launched.map(async (instance) => {
      const source = sources.get(instance.name)
      if (source === undefined) throw new Error(`no origin for ${instance.name}`)
      const config = Object.fromEntries(Object.entries(instance.config).filter(([key]) => !key.startsWith('volatile.')))
      await call('POST', '/1.0/instances?project=lb-shop', {
        name: instance.name,
        type: 'container',
        profiles: [],
        config,
        devices: instance.devices,
        start: true,
        source: { type: 'copy', project: source.project, source: source.name },
      })
    }),
  )
  const url = 'https://shop.example.com/api/healthz'
  const loop = `until curl -s -o /dev/null -f -m 2 --cacert /etc/lifeboat-lab/ca.crt --resolve shop.example.com:443:${address} ${url}; do sleep 0.02; done`
  const ran = await exec('client', ['sh', '-c', loop], { limit_ms: 60_000 })
  if (ran.exit !== 0) throw new Error(`the bare launch did not answer: ${ran.stderr}`)
  const took = performance.now() - began
  await removeAll(site)
  return took
}

/** What each instance was cloned from: the newest kept clone of a stateful machine, or what was prepared. */
async function origins(call: Call): Promise<ReadonlyMap<string, { readonly project: string; readonly name: string }>> {
  const found = new Map<string, { readonly project: string; readonly name: string }>()
  for (const project of ['lb-shop-replica', 'lb-shop-keep']) {
    const names = (await call<readonly Instance[]>('GET', `/1.0/instances?project=${project}&recursion=1`)).map(
      (each) => each.name,
    )
    for (const name of names.sort()) {
      const own = /^([a-z]+\d*)-/.exec(name)?.[1]
      if (own !== undefined) found.set(own, { project, name })
    }
  }
  return found
}

async function removeAll(site: string): Promise<void> {
  await exec(site, ['sh', '-c', 'incus delete --force --project lb-shop $(incus list --project lb-shop -f csv -c n)'])
}

type Call = <T>(method: 'GET' | 'POST', path: string, body?: unknown) => Promise<T>

function caller(site: string): Call {
  const dispatcher = new Agent({ connect: { socketPath: socketOf(site as 'east' | 'west') }, connections: 20 })
  return async <T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> => {
    const answer = await request(`http://incus${path}`, {
      method,
      dispatcher,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const { metadata, operation, error } = (await answer.body.json()) as {
      metadata: T
      operation?: string
      error?: string
    }
    if (error) throw new Error(`${method} ${path}: ${error}`)
    if (operation === undefined || operation === '') return metadata
    const waited = await call<{ readonly err?: string }>('GET', `${operation}/wait`)
    if (waited.err) throw new Error(`${method} ${path}: ${waited.err}`)
    return metadata
  }
  function call<T>(method: 'GET' | 'POST', path: string): Promise<T> {
    return caller(site)<T>(method, path)
  }
}
