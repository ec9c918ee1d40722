import { formatBytes, formatDuration } from '../lib/duration.ts'
import type { Finding, Looked } from '../plan/plan.ts'
import { wayOf } from './estimate.ts'
import { outsideLegs } from './ingress.ts'
import { imageOf } from './objects.ts'
import type { SiteView, Situation } from './situation.ts'

/** All that was looked at at the target of a move before anything is changed: what was seen, or that nothing could be. */
export function looked(situation: Situation, source: SiteView, target: SiteView): readonly Looked[] {
  const { answer, site, compiled, capacity } = target
  if (answer === undefined) return []
  const { survey } = answer
  const at = site.name
  const images = [...new Set(compiled.instances.map(imageOf))]
  const sent = answer.observed.claim?.claim.points[0]?.sent_bytes ?? 0
  const rows: Looked[] = [
    {
      what: `images at ${at}`,
      seen: `${images.filter((each) => survey.images[each] !== undefined).length} of ${images.length}`,
    },
    {
      what: `pool ${survey.pool.name} at ${at}`,
      seen: `${formatBytes(survey.pool.free_bytes)} free${sent === 0 ? '' : `; the last point took ${formatBytes(sent)}`}`,
    },
    { what: `memory at ${at}`, seen: memoryWords(source, target) },
    { what: `processors at ${at}`, seen: processorWords(source, target) },
  ]
  if (capacity === undefined) rows.splice(2, 2)
  for (const { appliance, leg } of outsideLegs(target)) {
    const bridge = leg === 'outside' ? site.outside_bridge : (site.services_bridge ?? '')
    const leases = target.watched?.leases ?? {}
    const watched = leg === 'outside' || leg === 'services' ? leases[leg] : undefined
    const lease = situation.past?.leases.find((each) => each.site === at && each.appliance === appliance)
    rows.push({
      what: `${leg} network at ${at}`,
      seen: `bridge ${bridge} is there; DHCP: ${
        watched !== undefined
          ? `the watch there holds ${watched}`
          : `${leg in leases ? 'the watch there has no address; ' : ''}${
              lease === undefined
                ? `no evidence, ${appliance} never had a lease there`
                : `gave ${appliance} ${lease.address} ${formatDuration(situation.now.getTime() - Date.parse(lease.at))} ago`
            }`
      }`,
    })
  }
  const reached = situation.stack.nats.flatMap((nat) => nat.reaches)
  if (reached.length > 0)
    rows.push({
      what: `services at ${at}`,
      seen:
        target.watched?.words ??
        `${reached.map((name) => `${name} ${site.services[name] ?? '(no address)'}`).join(', ')}; whether they answer: no evidence, no watch runs there (replicate starts it)`,
    })
  for (const sight of target.dns ?? [])
    rows.push({
      what: `DNS ${sight.name}`,
      seen: sight.says === 'good' ? `${site.dns?.server} takes updates with key ${site.dns?.key.name}` : sight.what,
    })
  rows.push({ what: `way from ${source.site.name}`, seen: wayWords(target) })
  return rows
}

/** What the target could not carry. What Incus says of memory counts caches that it would give back: a warning, unless it can never fit. */
export function tooSmall(source: SiteView, target: SiteView): readonly Finding[] {
  const found: Finding[] = []
  const needed = neededMemory(source)
  const memory = target.capacity?.memory
  if (memory !== undefined && needed !== undefined && needed > memory.free_bytes)
    found.push({
      level: needed > memory.total_bytes ? 'error' : 'warning',
      what: `the stack takes ${formatBytes(needed)} of memory at ${source.site.name}; ${target.site.name} has ${formatBytes(memory.free_bytes)} free of ${formatBytes(memory.total_bytes)}`,
      hint: 'stop something there, or give it more memory',
      needs: needed > memory.total_bytes ? 'change' : undefined,
    })
  const [here, there] = [source.capacity?.cpus, target.capacity?.cpus]
  if (here !== undefined && there !== undefined && there < here)
    found.push({
      level: 'warning',
      what: `${target.site.name} has ${there} processors, ${source.site.name} has ${here}`,
      hint: 'the stack may be slower there',
      needs: undefined,
    })
  const way = wayOf(target.answer?.observed.claim?.claim.points ?? [])
  if (way !== undefined && way.written_per_s > way.bytes_per_s * busy)
    found.push({
      level: 'warning',
      what: `the stack writes ${formatBytes(way.written_per_s)}/s, and no more than ${formatBytes(way.bytes_per_s)}/s ever arrived at ${target.site.name}`,
      hint: 'the last transfer, and with it the outage, does not get small: give the way more room, or move at a quieter time',
      needs: undefined,
    })
  return found
}

function memoryWords(source: SiteView, target: SiteView): string {
  const memory = target.capacity?.memory
  const needed = neededMemory(source)
  const free =
    memory === undefined
      ? 'no evidence'
      : `${formatBytes(memory.free_bytes)} of ${formatBytes(memory.total_bytes)} free`
  const takes =
    needed === undefined
      ? `what the stack takes: no evidence, the engine of ${source.site.name} does not tell`
      : `the stack takes ${formatBytes(needed)} at ${source.site.name}`
  return `${free}; ${takes}`
}

function processorWords(source: SiteView, target: SiteView): string {
  const [here, there] = [source.capacity, target.capacity]
  if (there?.cpus === undefined) return 'no evidence'
  const load =
    there.load === undefined ? 'how busy they are: no evidence' : `${there.load.toFixed(1)} busy over the last minute`
  return `${there.cpus}, ${load}${here?.cpus === undefined ? '' : `; ${source.site.name} has ${here.cpus}`}`
}

/** Undefined as soon as one machine does not tell: half a sum is none. */
function neededMemory(source: SiteView): number | undefined {
  const running = source.capacity?.instances ?? []
  if (running.length === 0) return undefined
  return running.reduce<number | undefined>(
    (all, each) => (all === undefined || each.memory_bytes === undefined ? undefined : all + each.memory_bytes),
    0,
  )
}

function wayWords(target: SiteView): string {
  const points = target.answer?.observed.claim?.claim.points ?? []
  const way = wayOf(points)
  if (way === undefined) return 'no evidence: no increment was ever sent'
  // Whatever was sent, the source has no counter of the way.
  if (way.bytes_per_s === 0) return `bytes not counted; a cycle takes at least ${way.least_s.toFixed(1)} s`
  return `up to ${formatBytes(way.bytes_per_s)}/s seen, the stack writes ${formatBytes(way.written_per_s)}/s (last ${way.increments} increments); a cycle takes at least ${way.least_s.toFixed(1)} s`
}

/** With less than this to spare a transfer never catches up. */
const busy = 0.8
