import type { Engine, ExecResult } from '../engine/contract.ts'
import { areaLabel } from '../engine/describe.ts'
import { EngineError, remedyOf } from '../engine/error.ts'
import type { DrillAction, PacketProbe, Witness } from '../plan/plan.ts'
import type { Area, Drilling, Proof } from '../state/objects.ts'
import { offered } from './announce.ts'
import { changeClaim } from './claims.ts'
import { Unmet } from './failure.ts'
import type { Found } from './journal.ts'
import {
  again,
  type Counted,
  judge,
  probeArgv,
  resultsOf,
  roundWithin_s,
  type Seen,
  witnessed,
  witnessKey,
} from './packets.ts'
import type { Performing } from './perform.ts'
import { GOOD_IN_A_ROW } from './world.ts'

/** Performs what only drills do. */
export function performDrill(action: DrillAction, context: Performing): Promise<Found> {
  switch (action.do) {
    case 'trust':
      return trust(action, context)
    case 'bubble-check':
      return bubbleCheck(action, context)
    case 'offered':
      return offered(action, context)
    case 'matrix':
      return matrix(action, context)
    case 'border-counters':
      return counters(action, context)
    case 'untouched':
      return untouched(action, context)
    case 'prove':
      return prove(action, context)
    case 'drilling':
      return drilling(action, context)
    case 'drilled':
      return drilled(action, context)
    case 'clear':
      return clear(action, context)
    case 'prove-failed':
      return proveFailed(action, context)
  }
}

type Of<Name extends DrillAction['do']> = Extract<DrillAction, { do: Name }>

/** A secret of a load balancer holds chain and key in one file: only the chain is read. */
async function trust(action: Of<'trust'>, { world, site }: Performing): Promise<Found> {
  const engine = world.engine(site)
  const texts = await Promise.all(
    action.from.map(async ({ instance, path }) => {
      const read = await engine.exec(instance, ['sed', '-n', '/-----BEGIN CERT/,/-----END CERT/p', path], 15)
      if (read.exit !== 0) throw new Unmet(`the certificate in ${path} of ${instance.name} cannot be read`, read.stderr)
      return read.stdout
    }),
  )
  const certificates = texts.join('').split('-----BEGIN CERT').length - 1
  await engine.put(action.instance, [{ path: action.path, content: texts.join(''), mode: 0o644 }])
  return { certificates }
}

async function bubbleCheck(action: Of<'bubble-check'>, context: Performing): Promise<Found> {
  const { world, site, signal } = context
  const { method, url, status } = action.check
  const argv = [
    ...['curl', '--silent', '--show-error', '--max-time', '5', '--output', '/dev/null'],
    ...['--write-out', '%{http_code} %{remote_ip} %{time_total}'],
    ...(action.trusted === undefined ? ['--insecure'] : ['--cacert', action.trusted]),
    ...(method === 'HEAD' ? ['--head'] : []),
    ...(action.check.family === undefined ? [] : [`--ipv${action.check.family}`]),
    url,
  ]
  const end = world.clock.now().getTime() + action.within_s * 1000
  let row: Found[] = []
  let good = 0
  let bad = ''
  for (let tries = 1; ; tries++) {
    // Asking twice is the same as asking once: a site that is slow to run a command has failed one try.
    const answer = await world.engine(site).exec(action.instance, argv, 10).catch(unanswered)
    const [code = '', address = '', seconds = ''] = answer.stdout.trim().split(' ')
    const at = world.clock.now()
    if (answer.exit === 0 && Number(code) === status) {
      good++
      row.push({ at: at.toISOString(), tries, address, total_ms: Math.round(Number(seconds) * 1000) })
      const [first] = row
      if (first !== undefined && row.length >= GOOD_IN_A_ROW) return first
    } else {
      row = []
      bad = answer.exit === 0 ? `status ${code}` : answer.stderr.trim() || `curl ended with ${answer.exit}`
    }
    if (at.getTime() >= end && row.length === 0) {
      throw new Unmet(
        `no good answer within ${action.within_s} s to ${method} ${url} (wanted ${status}) for the client in the bubble`,
        good === 0
          ? `last answer, of ${tries}: ${bad}`
          : `${good} of ${tries} were good, never ${GOOD_IN_A_ROW} in a row: one of several servers fails? The last that was not: ${bad}`,
      )
    }
    await world.clock.sleep(200, signal)
  }
}

function unanswered(error: unknown): ExecResult {
  if (!(error instanceof EngineError) || remedyOf(error.code).again !== 'later') throw error
  return { exit: -1, stdout: '', stderr: error.message }
}

/** Every instance tries its packets at the same time as the others. */
async function matrix(action: Of<'matrix'>, { world, site, signal }: Performing): Promise<Found> {
  const engine = world.engine(site)
  const witnesses = action.probes.flatMap(({ witness }) => witness ?? [])
  const earlier = await countAll(engine, action.area, witnesses)
  if (witnesses.length > 0) await world.clock.sleep(QUIET_MS, signal)
  const before = await countAll(engine, action.area, witnesses)
  const first = await sendAll(engine, action.area, action.probes, 1)
  const after = await countAll(engine, action.area, witnesses)
  const more = again(first)
  const second = more === undefined ? [] : await sendAll(engine, action.area, more.probes, more.patience)
  const later = new Map(second.map((each) => [each.probe, each]))
  const all = witnessed(first, earlier, before, after).map((each) => later.get(each.probe) ?? each)
  const broken = all.filter((each) => judge(each) === 'broken')
  const blind = all.filter((each) => judge(each) === 'no evidence')
  if (broken.length > 0) {
    throw new Unmet(
      `the reachability matrix does not hold: ${broken.length} of ${all.length} probes`,
      broken
        .map(
          ({ probe, result }) =>
            `${probe.words}: ${result}, not ${probe.expect} (from ${probe.from} to ${probe.address})`,
        )
        .join('\n'),
    )
  }
  const held = all.filter((each) => judge(each) === 'held')
  return {
    ...(second.length === 0 ? {} : { sent_twice: second.length }),
    pass: held.filter(({ probe }) => probe.expect !== 'blocked').length,
    stopped: held.filter(({ probe }) => probe.expect === 'blocked').length,
    no_evidence: blind.length,
    ...(blind.length === 0
      ? {}
      : { without_evidence: blind.map(({ probe, result }) => `${probe.words} (${result})`).join('; ') }),
  }
}

async function sendAll(
  engine: Engine,
  area: Area,
  probes: readonly PacketProbe[],
  patience: number,
): Promise<readonly Seen[]> {
  const senders = [...new Set(probes.map((probe) => probe.from))]
  const seen = await Promise.all(
    senders.map(async (name): Promise<readonly Seen[]> => {
      const own = probes.filter((probe) => probe.from === name)
      const { exit, stdout } = await engine.exec({ area, name }, probeArgv(own, patience), roundWithin_s(patience))
      return resultsOf(own, exit, stdout)
    }),
  )
  return seen.flat()
}

/** Nobody else may have sent for so long before the packets, or a count proves nothing. */
const QUIET_MS = 1000

/** What every witness has counted; one that cannot be asked is left out. */
async function countAll(engine: Engine, area: Area, witnesses: readonly Witness[]): Promise<Counted> {
  const names = [...new Set(witnesses.map((each) => each.instance))]
  const lists = await Promise.all(
    names.map(async (name): Promise<readonly (readonly [string, number])[]> => {
      const own = witnesses.filter((each) => each.instance === name)
      const datagrams = own.some((each) => each.counter === 'datagrams')
      const argv = datagrams ? ['cat', '/proc/net/snmp'] : ['nft', '-j', 'list', 'counters']
      const { exit, stdout } = await engine.exec({ area, name }, argv, 15)
      const found = exit !== 0 ? [] : datagrams ? [['datagrams', udpIn(stdout)] as const] : packetCounts(stdout)
      return found.map(([counter, count]) => [witnessKey({ instance: name, counter }), count])
    }),
  )
  return new Map(lists.flat())
}

/** UDP that came to a listener and UDP for which there was none, from /proc/net/snmp: two lines, names and values. */
function udpIn(text: string): number {
  const [names = [], values = []] = text
    .split('\n')
    .filter((line) => line.startsWith('Udp:'))
    .map((line) => line.split(' '))
  const value = (name: string) => Number(values[names.indexOf(name)] ?? 0)
  return value('InDatagrams') + value('NoPorts')
}

function packetCounts(json: string): readonly (readonly [string, number])[] {
  const parsed = JSON.parse(json) as { readonly nftables: readonly NftObject[] }
  return parsed.nftables.flatMap(({ counter }) =>
    counter === undefined ? [] : [[counter.name, counter.packets] as const],
  )
}

async function counters(action: Of<'border-counters'>, { world, site }: Performing): Promise<Found> {
  const engine = world.engine(site)
  const listed = await engine.exec(action.instance, ['nft', '-j', 'list', 'counters'], 15)
  if (listed.exit !== 0) throw new Unmet(`the counters of ${action.instance.name} cannot be read`, listed.stderr)
  const packets = packetCounts(listed.stdout)
  if (!action.site_leg) return Object.fromEntries(packets)
  const frames = await engine.exec(action.instance, ['cat', '/sys/class/net/site/statistics/tx_packets'], 15)
  return { ...Object.fromEntries(packets), ...(frames.exit === 0 ? { site_frames: Number(frames.stdout) } : {}) }
}

type NftObject = { readonly counter?: { readonly name: string; readonly packets: number } }

async function untouched(action: Of<'untouched'>, { world, site }: Performing): Promise<Found> {
  const observed = await world.engine(site).observe(action.stack)
  const now = observed.areas.find((each) => each.area.kind === 'stack')?.instances ?? []
  const changed = action.instances.filter(({ name, started_at }) => {
    const found = now.find((each) => each.object.name === name)
    return found === undefined || found.power !== 'running' || found.started_at !== started_at
  })
  const epoch = observed.claim?.claim.epoch
  if (changed.length > 0 || epoch !== action.epoch) {
    throw new Unmet(
      `${site} is not as it was when the drill began: ${[...changed.map((each) => each.name), ...(epoch === action.epoch ? [] : [`epoch ${epoch}`])].join(', ')}`,
      'the drill has no step there; somebody else changed it meanwhile',
    )
  }
  return { instances: action.instances.length, epoch: action.epoch }
}

async function prove(action: Of<'prove'>, context: Performing): Promise<Found> {
  const seen = context.found(action.matrix_step)
  const proof: Proof = {
    ...action.proof,
    verdict: 'passed',
    ended_at: context.world.clock.now().toISOString(),
    checks: action.check_steps.length,
    matrix: { pass: Number(seen.pass), stopped: Number(seen.stopped), no_evidence: Number(seen.no_evidence) },
  }
  await write(context, action.stack, (_, drilling) => {
    if (drilling !== undefined && drilling.drill !== proof.drill)
      throw new EngineError(
        'conflict',
        context.site,
        'prove',
        `drill ${drilling.drill} of ${drilling.by} has taken the place of this one at ${context.site}`,
      )
    return proof
  })
  return { verdict: proof.verdict, at: proof.ended_at }
}

/** Of two that begin at the same time the claim takes one; the other is told who it is. */
async function drilling(action: Of<'drilling'>, { world, site }: Performing): Promise<Found> {
  await changeClaim(world.engine(site), action.stack, (claim) => {
    const now = claim.drilling
    if (now !== undefined && now.drill !== action.drilling.drill && now.drill !== action.instead)
      throw new EngineError(
        'conflict',
        site,
        'drilling',
        `drill ${now.drill} of ${action.stack} was begun at ${site} by ${now.by} at ${now.since}: one at a time`,
      )
    return { ...claim, drilling: action.drilling }
  })
  return { drill: action.drilling.drill }
}

async function drilled(action: Of<'drilled'>, { world, site }: Performing): Promise<Found> {
  await changeClaim(world.engine(site), action.stack, (claim) => {
    if (claim.drilling?.drill !== action.drill) return claim
    const { drilling: _, ...rest } = claim
    return rest
  })
  return {}
}

async function clear(action: Of<'clear'>, { world, site }: Performing): Promise<Found> {
  const engine = world.engine(site)
  const observed = await engine.observe(action.area.stack).catch(ignoreEngine)
  const here = observed?.areas.find((each) => areaLabel(each.area) === areaLabel(action.area))
  await Promise.all(
    (here?.instances ?? []).map(async ({ object: { name }, power }) => {
      const instance = { area: action.area, name }
      if (power !== 'stopped') await engine.power(instance, 'kill', 30).catch(ignoreEngine)
      await engine.removeInstance(instance).catch(ignoreEngine)
    }),
  )
  return {}
}

/** Each instance is removed by an undo of its own afterwards, which tells what could not be. */
function ignoreEngine(error: unknown): undefined {
  if (!(error instanceof EngineError)) throw error
}

async function proveFailed(action: Of<'prove-failed'>, context: Performing): Promise<Found> {
  const failed: Proof = {
    ...action.proof,
    kept: false,
    verdict: 'failed',
    ended_at: context.world.clock.now().toISOString(),
    checks: 0,
    matrix: { pass: 0, stopped: 0, no_evidence: 0 },
  }
  // The drill may have proved its case and then failed to clear up: what was seen stays true.
  await write(context, action.stack, (now) => (now?.drill === failed.drill ? { ...now, kept: false } : failed))
  return { verdict: failed.verdict }
}

async function write(
  { world, site }: Performing,
  stack: string,
  next: (now: Proof | undefined, drilling: Drilling | undefined) => Proof,
): Promise<void> {
  try {
    await changeClaim(world.engine(site), stack, (claim) => ({ ...claim, proof: next(claim.proof, claim.drilling) }))
  } catch (error) {
    // A lost answer: read whether it was written before it is written again.
    if (!(error instanceof EngineError) || error.code === 'not-found') throw error
    await changeClaim(world.engine(site), stack, (claim) => ({ ...claim, proof: next(claim.proof, claim.drilling) }))
  }
}
