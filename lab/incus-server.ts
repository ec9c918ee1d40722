import { X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { daemonsOf, startDaemon } from './node.ts'
import { incusDirOf, labPaths, socketOf } from './paths.ts'
import { commandLine, isAlive, killHard, type Process, type ProcessId } from './processes.ts'
import { LabError, run, until } from './run.ts'
import type { SiteName } from './topology.ts'

const ready_limit_ms = 60_000
const operation_limit_s = 120
const pool_size = '20GiB'

export type SiteImage = { readonly alias: string; readonly meta: string; readonly rootfs: string }

/** Starts the site's incusd unless it runs, and waits until it answers. Containers that were running are left alone. */
export async function ensureIncusd(site: SiteName, init: ProcessId): Promise<void> {
  if (serversOf(init).length === 0) {
    await mkdir(incusDirOf(site), { recursive: true, mode: 0o711 })
    await startDaemon(site, init, [incusd(), ...serverArguments], incusEnvironment(site))
  }
  await until(`incusd of site ${site} answers (its log is in ${labPaths.logs})`, ready_limit_ms, async () => {
    // Started is not yet ready: https://linuxcontainers.org/incus/docs/main/rest-api-spec/ `/internal/ready`.
    await ask(site, 'GET', '/internal/ready')
    return true
  })
}

/** Ends the daemon alone, at once; its containers go on running. */
export async function killIncusd(site: SiteName, init: ProcessId): Promise<void> {
  const daemons = serversOf(init)
  for (const daemon of daemons) killHard(daemon)
  await until(`incusd of site ${site} ends`, 60_000, async () => (daemons.some(isAlive) ? undefined : true), 10)
}

/** Makes what is missing of the server's own set-up: address, pool, default profile, trust of the lab's client. */
export async function seedIncus(site: SiteName): Promise<void> {
  const server = (await ask(site, 'GET', '/1.0')) as { config?: Record<string, string> }
  // All addresses of the site server: it has some on the management link and the WAN, and none on its bridges.
  const wanted = { 'core.https_address': ':8443', 'images.auto_update_interval': '0' }
  if (Object.entries(wanted).some(([key, value]) => server.config?.[key] !== value)) {
    await ask(site, 'PATCH', '/1.0', { config: wanted })
  }
  const pools = await list(site, '/1.0/storage-pools')
  if (!pools.includes('/1.0/storage-pools/default')) {
    await ask(site, 'POST', '/1.0/storage-pools', { name: 'default', driver: 'btrfs', config: { size: pool_size } })
    await ask(site, 'PATCH', '/1.0/profiles/default', {
      // Nothing starts by itself when a site comes back.
      config: { 'boot.autostart': 'false' },
      devices: { root: { type: 'disk', path: '/', pool: 'default' } },
    })
  }
  const certificate = new X509Certificate(await readFile(join(labPaths.pki, 'client.crt')))
  const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase()
  const trusted = await list(site, '/1.0/certificates')
  if (!trusted.includes(`/1.0/certificates/${fingerprint}`)) {
    await ask(site, 'POST', '/1.0/certificates', {
      type: 'client',
      name: 'lifeboat',
      certificate: certificate.raw.toString('base64'),
    })
  }
}

/** Imports an image under its alias, in place of an older one, and has it unpacked in the pool, as at a site in use. */
export async function importImage(site: SiteName, image: SiteImage): Promise<void> {
  const name = `unpack-${image.alias}`
  await removeHalfImported(site, name)
  const aliases = await list(site, '/1.0/images/aliases')
  if (aliases.includes(`/1.0/images/aliases/${image.alias}`)) {
    const { target } = (await ask(site, 'GET', `/1.0/images/aliases/${image.alias}`)) as { target: string }
    await ask(site, 'DELETE', `/1.0/images/${target}`)
  }
  await run(['incus', 'image', 'import', image.meta, image.rootfs, '--alias', image.alias], {
    env: incusEnvironment(site),
    limit_ms: operation_limit_s * 1000,
  })
  // The first instance of an image unpacks it; the unpacked copy stays in the pool when the instance goes.
  await ask(site, 'POST', '/1.0/instances', { name, source: { type: 'image', alias: image.alias } })
  await ask(site, 'DELETE', `/1.0/instances/${name}`)
}

/** Left by an `up` that was ended in the middle: the instance of an unpacking, an image that has not got its alias. */
async function removeHalfImported(site: SiteName, instance: string): Promise<void> {
  if ((await list(site, '/1.0/instances')).includes(`/1.0/instances/${instance}`)) {
    await ask(site, 'DELETE', `/1.0/instances/${instance}`)
  }
  const images = (await ask(site, 'GET', '/1.0/images?recursion=1')) as readonly SeenImage[] | null
  for (const { fingerprint, aliases } of images ?? []) {
    if ((aliases ?? []).length === 0) await ask(site, 'DELETE', `/1.0/images/${fingerprint}`)
  }
}

type SeenImage = { readonly fingerprint: string; readonly aliases: readonly unknown[] | null }

/** What a process needs in its environment to speak to the site's Incus; the client keeps its own files in the lab too. */
export function incusEnvironment(site: SiteName): Readonly<Record<string, string>> {
  return {
    INCUS_DIR: incusDirOf(site),
    INCUS_CONF: join(labPaths.run, 'incus'),
    // The profiles would stay in the kernel after the lab.
    INCUS_SECURITY_APPARMOR: 'false',
    // Two servers and all their guests share this machine: memory is cheaper here than the time to collect it early.
    GOGC: '400',
  }
}

/** One call on the unix socket of the site; waits for the end of a background operation. */
export async function ask(site: SiteName, method: string, path: string, body?: unknown): Promise<unknown> {
  const answer = await send(site, method, path, body)
  if (answer.type !== 'async') return answer.metadata
  const operation = (await send(site, 'GET', `${answer.operation}/wait?timeout=${operation_limit_s}`)).metadata as {
    status_code: number
    err: string
  }
  if (operation.status_code !== 200)
    throw new LabError(`${method} ${path} at site ${site} failed: ${operation.err || 'not done in time'}`)
  return operation
}

/** The URLs of a collection; Incus says null for an empty one. */
export async function list(site: SiteName, path: string): Promise<readonly string[]> {
  return ((await ask(site, 'GET', path)) as readonly string[] | null) ?? []
}

type Answer = {
  readonly type: string
  readonly metadata?: unknown
  readonly operation?: string
  readonly error?: string
}

function send(site: SiteName, method: string, path: string, body?: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(
      { socketPath: socketOf(site), method, path, timeout: (operation_limit_s + 10) * 1000, agent: false },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part
        })
        response.on('end', () => {
          try {
            const answer = JSON.parse(text) as Answer
            if (answer.type === 'error') reject(new LabError(`${method} ${path} at site ${site}: ${answer.error}`))
            else resolve(answer)
          } catch (cause) {
            reject(new LabError(`${method} ${path} at site ${site} answered no JSON: ${text.slice(0, 200)}`, { cause }))
          }
        })
        response.on('error', reject)
      },
    )
    call.on('timeout', () => call.destroy(new LabError(`${method} ${path} at site ${site}: no answer`)))
    call.on('error', reject)
    call.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

const serverArguments = ['--group', 'root'] as const

/** The server itself: the monitor of each container is called incusd too, and must be left alone. */
function serversOf(init: ProcessId): readonly Process[] {
  return daemonsOf(init, 'incusd').filter(
    ({ pid }) => commandLine(pid).slice(1).join(' ') === serverArguments.join(' '),
  )
}

function incusd(): string {
  const found = ['/usr/libexec/incus/incusd', '/usr/bin/incusd', '/usr/sbin/incusd', '/opt/incus/bin/incusd'].find(
    existsSync,
  )
  if (found === undefined) throw new LabError('there is no incusd on this machine: run scripts/setup --lab')
  return found
}
