import { readFileSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { startBeside } from './page.ts'
import { labPaths, netnsOf } from './paths.ts'
import { attempt, LabError, run, until } from './run.ts'
import { type SiteName, siteNames } from './topology.ts'

/** What a controller answered: its status, and its JSON. */
export type Answered = { readonly status: number; readonly body: unknown }

/** The controller of a site in the lab, with a certificate, journals and records that the other one does not share. */
export type LabController = {
  readonly site: SiteName
  /** Its own journals are below it. */
  readonly state: string
  /** Starts it as its service manager would; answers its process once it listens. */
  start(): Promise<number>
  /** Asks its API with curl, in the network that it is in, trusting its certificate alone. */
  ask(method: 'GET' | 'POST', path: string, body?: object): Promise<Answered>
}

/** Both of them, each named with its certificate in the site file of the other; none is started yet. */
export async function prepareControllers(settings: object = {}): Promise<Readonly<Record<SiteName, LabController>>> {
  // What earlier ones did is no cycle of these.
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const file = parse(await readFile(labPaths.sites, 'utf8')) as { readonly sites: Record<string, object> }
  for (const site of siteNames) {
    await makeCertificate(site)
    const controller = { url: urlOf(site), certificate: `controllers/${site}.crt` }
    file.sites[site] = { ...file.sites[site], controller }
  }
  for (const site of siteNames) {
    const config = {
      'lifeboat-controller': 1,
      listen: new URL(urlOf(site)).host,
      tls: { certificate: `${site}.crt`, key: `${site}.key` },
      data: `${site}-data`,
      ...settings,
    }
    await writeFile(join(folder, `${site}.yaml`), stringify(config))
    // Paths in a site file are relative to it: beside the lab's own.
    const text = stringify({ ...file, state: `controllers/${site}` }, { aliasDuplicateObjects: false })
    await writeFile(sitesOf(site), text, { mode: 0o600 })
  }
  return { east: controllerOf('east'), west: controllerOf('west') }
}

const folder = join(labPaths.run, 'controllers')
const sitesOf = (site: SiteName) => join(labPaths.run, `sites-of-${site}.yaml`)
const urlOf = (site: SiteName) => `https://127.0.0.1:${site === 'east' ? 8501 : 8502}`

function controllerOf(site: SiteName): LabController {
  const argv = ['--sites', sitesOf(site), 'serve', '--site', site, '--config', join(folder, `${site}.yaml`)]
  const log = join(labPaths.logs, `controller-${site}.log`)
  const headers = join(folder, `${site}.headers`)
  return {
    site,
    state: join(folder, site),
    async start() {
      const pid = startBeside([join(import.meta.dirname, '../lifeboat'), ...argv], log)
      const said = await until(`the controller of ${site} listens (${log})`, 60_000, async () => {
        const text = readFileSync(log, 'utf8')
        if (/EADDRINUSE|error:/.test(text)) throw new LabError(text.trim())
        return text.includes(' listens at ') ? text : undefined
      })
      const link = /\/setup#(\S+)/.exec(said)?.[1]
      if (link !== undefined) await enter(link)
      return pid
    },
    ask: (method, path, body) => curl(method, path, body),
  }

  /** As a person would begin: the first admin by the printed link, who makes a token for automation. */
  async function enter(link: string): Promise<void> {
    const jar = join(folder, `${site}.cookies`)
    await writeFile(headers, '', { mode: 0o600 })
    await writeFile(jar, '', { mode: 0o600 })
    const cookies = ['--cookie', jar, '--cookie-jar', jar]
    const account = { link, user: 'ada', password: 'a long enough password' }
    const { csrf } = (await curl('POST', '/setup', account, cookies)).body as { csrf: string }
    const csrfHeader = ['--header', `x-csrf-token: ${csrf}`]
    const made = await curl('POST', '/tokens', { name: 'lab', role: 'admin' }, [...cookies, ...csrfHeader])
    const { token } = made.body as { token: string }
    await writeFile(headers, `authorization: Bearer ${token}\n`, { mode: 0o600 })
  }

  async function curl(method: string, path: string, body?: object, more: readonly string[] = []): Promise<Answered> {
    const ran = await attempt(
      [
        ...['nsenter', `--net=${netnsOf('ops')}`, '--', 'curl', '--silent', '--show-error', '--max-time', '20'],
        // Secrets are in files and on standard input: arguments are for everybody to see.
        ...['--cacert', join(folder, `${site}.crt`), '--header', `@${headers}`, '--request', method, ...more],
        ...(body === undefined ? [] : ['--header', 'content-type: application/json', '--data-binary', '@-']),
        ...['--write-out', '\n%{http_code}', `${urlOf(site)}/api/v1${path}`],
      ],
      body === undefined ? {} : { input: JSON.stringify(body) },
    )
    if (ran.exit !== 0) throw new LabError(`curl ${path} at the controller of ${site}: ${ran.stderr.trim()}`)
    const at = ran.stdout.lastIndexOf('\n')
    const text = ran.stdout.slice(0, at)
    return { status: Number(ran.stdout.slice(at + 1)), body: text === '' ? undefined : JSON.parse(text) }
  }
}

/** For the loopback of the operators' host, where both of them are. */
async function makeCertificate(site: SiteName): Promise<void> {
  const [key, certificate] = [join(folder, `${site}.key`), join(folder, `${site}.crt`)]
  await run([
    ...['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '60'],
    ...['-subj', `/CN=controller of ${site}`, '-addext', 'subjectAltName=IP:127.0.0.1'],
    ...['-keyout', key, '-out', certificate],
  ])
  await run(['chmod', '600', key])
}
