import { createPrivateKey, X509Certificate } from 'node:crypto'
import { clip } from './problems-of-schema.ts'
import type { Path } from './source.ts'
import type { BalancedService, Stack } from './stack.ts'

/** What is wrong with a secret that was read; `at` is where the stack file names it. Nothing of its contents is in it. */
export type SecretProblem = {
  readonly level: 'error' | 'warning'
  readonly at: Path
  readonly what: string
  readonly hint: string
}

/** Long enough to order a new one, and to be seen in a look at the stack once a month. */
const SOON_DAYS = 30

/**
 * The certificates of a stack's services, as far as their secrets could be read: `contents` by name. What a load balancer
 * would not start with is an error; what its clients would complain about is a warning.
 */
export function certificateProblems(
  stack: Stack,
  contents: Readonly<Record<string, string>>,
  now: Date,
): readonly SecretProblem[] {
  const services = stack.load_balancers.flatMap((balancer) =>
    balancer.services.map((service) => ({ balancer: balancer.name, service })),
  )
  const used = [...new Set(services.flatMap(({ service }) => service.tls))]
  const found = new Map<string, X509Certificate>()
  const problems = used.flatMap((name): SecretProblem[] => {
    const text = contents[name]
    if (text === undefined) return []
    const read = readPair(text)
    const at = ['secrets', name, 'file']
    if (!read.ok) return [{ level: 'error', at, what: `secret "${name}" ${read.why}`, hint: read.hint }]
    found.set(name, read.certificate)
    return validity(name, at, read.certificate, now)
  })
  return [...problems, ...services.flatMap(({ balancer, service }) => coverage(stack, balancer, service, found))]
}

type Read =
  | { readonly ok: true; readonly certificate: X509Certificate }
  | { readonly ok: false; readonly why: string; readonly hint: string }

function readPair(text: string): Read {
  const order = 'the file holds the certificate, those that signed it, and the key, in PEM'
  const certificates = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []
  const [own, ...chain] = certificates.map(certificateOf)
  if (own === undefined) return { ok: false, why: 'holds no certificate that can be read', hint: order }
  const pem = /-----BEGIN ([A-Z ]*)PRIVATE KEY-----[\s\S]*?-----END \1PRIVATE KEY-----/.exec(text)?.[0]
  if (pem === undefined) return { ok: false, why: 'holds no key', hint: order }
  const key = keyOf(pem)
  if (key === undefined)
    return {
      ok: false,
      why: 'holds a key that can not be read',
      hint: 'is it encrypted? nobody is there to decrypt it',
    }
  if (own.checkPrivateKey(key)) return { ok: true, certificate: own }
  const later = chain.some((each) => each?.checkPrivateKey(key))
  return {
    ok: false,
    why: 'holds a key that is not that of its first certificate',
    hint: later ? "the service's own certificate goes first, before those that signed it" : order,
  }
}

function certificateOf(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem)
  } catch {
    return undefined
  }
}

function keyOf(pem: string) {
  try {
    return createPrivateKey(pem)
  } catch {
    return undefined
  }
}

function validity(name: string, at: Path, certificate: X509Certificate, now: Date): SecretProblem[] {
  const warning = (what: string): SecretProblem[] => [{ level: 'warning', at, what, hint: 'clients will refuse it' }]
  const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)]
  const days = Math.floor((to - now.getTime()) / 86_400_000)
  if (now.getTime() < from) return warning(`the certificate of "${name}" is valid from ${day(from)} on`)
  if (now.getTime() >= to) return warning(`the certificate of "${name}" has expired on ${day(to)}`)
  if (days >= SOON_DAYS) return []
  const left = days === 1 ? 'in 1 day' : `in ${days} days`
  return [
    {
      level: 'warning',
      at,
      what: `the certificate of "${name}" expires ${left}, on ${day(to)}`,
      hint: 'put the new one into the file and deploy; the standby gets it with the next cycle',
    },
  ]
}

function day(time_ms: number): string {
  return new Date(time_ms).toISOString().slice(0, 10)
}

/** Every name that clients ask a service for is in one of its certificates, and every certificate but the first has one. */
function coverage(
  stack: Stack,
  balancer: string,
  service: BalancedService,
  found: ReadonlyMap<string, X509Certificate>,
): SecretProblem[] {
  const known = service.tls.flatMap((name) => found.get(name) ?? [])
  const names = namesOf(stack, service)
  if (known.length === 0 || known.length < service.tls.length) return []
  const at = ['appliances', balancer, 'load-balancer', 'services', service.name, 'tls']
  const bare = names.filter((name) => !known.some((certificate) => covers(certificate, name)))
  const idle = service.tls.slice(1).filter((_, index) => {
    const certificate = known[index + 1]
    return certificate !== undefined && !names.some((name) => covers(certificate, name))
  })
  return [
    ...bare.map((name): SecretProblem => {
      const held = [...new Set(known.flatMap(alternatives))].slice(0, 8)
      const hint =
        held.length === 0 ? 'its certificate has no names' : `certificates of it are for ${held.map(clip).join(', ')}`
      return { level: 'warning', at, what: `no certificate of "${service.name}" is for ${clip(name)}`, hint }
    }),
    ...idle.map((secret): SecretProblem => {
      const what = `nobody asks "${service.name}" for a name of the certificate "${secret}"`
      return {
        level: 'warning',
        at,
        what,
        hint: 'clients come by ingress names and hosts of routes; remove it, or name one',
      }
    }),
  ]
}

function namesOf({ ingress }: Stack, service: BalancedService): readonly string[] {
  const by_name = ingress.filter(({ to }) => to === service.name).map(({ name }) => name)
  return [...new Set([...by_name, ...service.routes.flatMap(({ hosts }) => hosts)])]
}

/** RFC 9525: names of the subject count no more. A wildcard of ours wants one of the certificate. */
function covers(certificate: X509Certificate, name: string): boolean {
  const asked = name.replace(/^\*\./, 'any.')
  return certificate.checkHost(asked, { subject: 'never' }) !== undefined
}

function alternatives(certificate: X509Certificate): readonly string[] {
  return (certificate.subjectAltName ?? '')
    .split(', ')
    .flatMap((each) => (each.startsWith('DNS:') ? [each.slice(4)] : []))
}
