import type { Engine, ExecResult } from '../engine/contract.ts'
import { EngineError } from '../engine/error.ts'
import type { Action } from '../plan/plan.ts'
import type { Claim, Point } from '../state/objects.ts'
import { announced, announcing } from './announce.ts'
import { checkpoint, unpause } from './checkpoint.ts'
import { changeClaim, changeRole, restoreClaim, takeClaim } from './claims.ts'
import { performDrill } from './drill.ts'
import { Unmet } from './failure.ts'
import type { Found } from './journal.ts'
import { contentOf, load, loadBack } from './load.ts'
import { reach } from './reach.ts'
import { sound } from './sound.ts'
import { GOOD_IN_A_ROW, type Ipv6Record, type World } from './world.ts'

export type Performing = {
  readonly world: World
  readonly site: string
  readonly signal: AbortSignal
  /** What earlier steps found. */
  readonly found: (step: string) => Found
  /** The step was begun before and may have taken effect. */
  readonly again: boolean
  readonly progress: (text: string) => void
}

/** Performs one action. May be called again after a crash at any instant: what is there already is left as it is. */
export async function perform(action: Action, context: Performing): Promise<Found> {
  const { world, site, signal } = context
  const engine = world.engine(site)
  switch (action.do) {
    case 'claim':
      await takeClaim(engine, action.expect, action.next)
      return { epoch: action.next.epoch, role: action.next.role }
    case 'restore-claim':
      if (action.unless !== undefined) await notOvertaken(world.engine(action.unless), action.before)
      await restoreClaim(engine, action.written, action.before)
      return {}
    case 'role':
      await changeRole(engine, action, born(action, context))
      return { epoch: action.to.epoch, role: action.to.role }
    case 'release-claim': {
      const claimed = await engine.readClaim(action.stack)
      if (claimed !== undefined) await engine.removeClaim(action.stack, claimed.version)
      return {}
    }
    case 'area':
      await engine.ensureArea(action.area)
      return {}
    case 'network':
      await engine.ensureNetwork(action.network)
      return {}
    case 'instance':
      await engine.ensureInstance(action.instance)
      return {}
    case 'configure': {
      await engine.put(action.instance, await contentOf(world, action, site))
      await engine.setDigest(action.instance, action.digest)
      return { digest: action.digest }
    }
    case 'load':
      await load(engine, action.instance, await contentOf(world, action, site), action)
      return { digest: action.digest }
    case 'load-back':
      await loadBack(engine, action.instance, action)
      return {}
    case 'sound':
      await sound(action, context)
      return {}
    case 'rename':
      await engine.rename(action.instance, action.name)
      return {}
    case 'felt':
      return { ...(await world.outside.goodAnswer(action.place, action.check, action.within_s, signal, action)) }
    case 'clone':
      await engine.clone(action.from, action.target)
      return {}
    case 'power':
      if (action.verb === 'start' && action.instance.area.kind === 'stack')
        await mustBeActive(engine, action.instance.area.stack)
      await engine.power(action.instance, action.verb, action.within_s)
      return {}
    case 'cut-legs':
      await engine.cutLegs(action.instance, action.cut, action.which)
      return {}
    case 'ready':
      return ready(action, context)
    case 'checkpoint':
      return checkpoint(action, context)
    case 'unpause':
      return unpause(action, context)
    case 'receive': {
      const { from, to, snapshot, stall_s } = action
      const transfer = { source: world.engine(action.source), from, to, snapshot, stall_s }
      return {
        ...(await engine.receive(transfer, (bytes) => context.progress(`${(bytes / 1e6).toFixed(1)} MB`), signal)),
      }
    }
    case 'complete':
      return complete(action, context)
    case 'remove-point':
      await removePoint(engine, action.stack, action.name)
      return {}
    case 'forget-points':
      await changeClaim(engine, action.stack, (claim) => {
        if (claim.role !== 'active' || claim.epoch !== action.epoch)
          throw new EngineError('conflict', site, 'claim', `${site} is ${claim.role} under epoch ${claim.epoch} now`)
        return { ...claim, points: claim.points.filter((point) => !action.names.includes(point.name)) }
      })
      return { points: action.names.length }
    case 'definition':
      await changeClaim(engine, action.stack, (claim) => {
        if (action.as !== undefined && claim.role !== action.as)
          throw new EngineError('conflict', site, 'definition', `${site} is ${claim.role} now, not ${action.as}`)
        return { ...claim, definition: action.definition }
      })
      return { digest: action.definition.digest }
    case 'remove-snapshot':
      await engine.removeSnapshot(action.instance, action.snapshot)
      return {}
    case 'remove-instance':
      await removed(action, context)
      return {}
    case 'remove-network':
      await engine.removeNetwork(action.network)
      return {}
    case 'remove-area':
      await engine.removeArea(action.area)
      return {}
    case 'reach': {
      const { silent, words } = await reach(engine, action)
      if (silent.length > 0) throw new Unmet(words)
      return { seen: words }
    }
    case 'lease':
      return lease(action, context)
    case 'dns': {
      const address = action.address ?? addressOf(context, action.lease_step)
      const ipv6 = ipv6Of(action, context)
      await world.outside.setAddress(site, action.name, action.ttl_s, address, ipv6)
      return { name: action.name, address, ...(ipv6 === undefined ? {} : { ipv6 }), ttl_s: action.ttl_s }
    }
    case 'dns-remove':
      await world.outside.removeAddress(site, action.name, action.ipv6)
      return {}
    case 'dns-drop': {
      const address = action.address ?? addressOf(context, action.lease_step)
      await world.outside.dropAddress(site, action.name, address, ipv6Of(action, context))
      return { name: action.name }
    }
    case 'dns-seen': {
      const address = action.address ?? addressOf(context, action.lease_step)
      const ipv6 = ipv6Of(action, context)
      await world.outside.resolves(action.place, action.name, address, action.within_s, signal, ipv6)
      return { at: world.clock.now().toISOString(), address, ...(ipv6 === undefined ? {} : { ipv6 }) }
    }
    case 'announced':
      return announced(action, context)
    case 'announcing':
      return announcing(action, context)
    case 'check':
      return {
        ...(await world.outside.goodAnswer(action.place, action.check, action.within_s, signal, {
          in_a_row: GOOD_IN_A_ROW,
        })),
      }
    case 'trust':
    case 'bubble-check':
    case 'offered':
    case 'matrix':
    case 'border-counters':
    case 'untouched':
    case 'prove':
    case 'drilling':
    case 'drilled':
    case 'clear':
    case 'prove-failed':
      return performDrill(action, context)
  }
}

/** Its instant is that of the checkpoint: a change that is made again writes the same. */
function born({ born: wanted }: Extract<Action, { do: 'role' }>, context: Performing): Point | undefined {
  if (wanted === undefined) return undefined
  const { taken_at, pause_ms } = context.found(wanted.checkpoint_step)
  const at = String(taken_at)
  return {
    ...wanted.point,
    taken_at: at,
    complete_at: at,
    pause_ms: Number(pause_ms),
    sent_bytes: 0,
    incremental: true,
  }
}
async function ready(action: Extract<Action, { do: 'ready' }>, context: Performing): Promise<Found> {
  const engine = context.world.engine(context.site)
  const urls = action.probes.flatMap((probe) => (probe.by === 'exec' ? [] : [probe.url]))
  if (urls.length > 0) {
    const result = await engine.exec(
      action.from,
      ['/usr/local/bin/lifeboat-ready', String(action.within_s), ...urls],
      action.within_s + 10,
    )
    if (result.exit !== 0) throw await notReady(action, context, result)
  }
  for (const [index, probe] of action.probes.entries()) {
    const machine = action.machines[index]
    if (probe.by !== 'exec' || machine === undefined) continue
    const result = await untilGood(context, action.within_s, () =>
      engine.exec(machine, ['/bin/sh', '-c', probe.command], 20),
    )
    if (result.exit !== 0) throw await notReady(action, context, result)
  }
  return { probes: action.probes.length }
}

async function untilGood(
  context: Performing,
  within_s: number,
  attempt: () => Promise<ExecResult>,
): Promise<ExecResult> {
  const { clock } = context.world
  const end = clock.now().getTime() + within_s * 1000
  for (;;) {
    const result = await attempt()
    if (result.exit === 0 || clock.now().getTime() >= end) return result
    await clock.sleep(200, context.signal)
  }
}

async function notReady(
  action: Extract<Action, { do: 'ready' }>,
  context: Performing,
  result: ExecResult,
): Promise<Unmet> {
  const engine = context.world.engine(context.site)
  const tails = await Promise.all(
    action.machines.map(async (machine) => {
      const tail = await engine.consoleTail(machine, 10).catch((error: unknown) => `(no console: ${String(error)})`)
      return `--- ${machine.name}, end of its console\n${tail}`
    }),
  )
  const said = `${result.stdout}${result.stderr}`.trim()
  return new Unmet(
    `not ready within ${action.within_s} s: ${action.machines.map((machine) => machine.name).join(', ')}`,
    [said, ...tails].join('\n'),
  )
}

/** The point exists from the moment in which the standby's claim lists it. */
async function complete(action: Extract<Action, { do: 'complete' }>, context: Performing): Promise<Found> {
  const checkpoint = context.found(action.checkpoint_step)
  const received = action.receive_steps.map((step) => context.found(step))
  const point = {
    ...action.point,
    taken_at: String(checkpoint.taken_at),
    complete_at: context.world.clock.now().toISOString(),
    pause_ms: Number(checkpoint.pause_ms),
    sent_bytes: received.reduce((sum, found) => sum + Number(found.bytes ?? 0), 0),
    incremental: received.every((found) => found.incremental === true),
  }
  await changeClaim(context.world.engine(context.site), action.stack, (claim) => {
    if (claim.role !== 'standby')
      throw new EngineError('conflict', context.site, 'complete', `${context.site} is ${claim.role} now, not standby`)
    const others = claim.points.filter((each) => action.keep.includes(each.name))
    return { ...claim, points: [point, ...others] }
  })
  return {
    point: point.name,
    taken_at: point.taken_at,
    complete_at: point.complete_at,
    pause_ms: point.pause_ms,
    sent_bytes: point.sent_bytes,
    incremental: point.incremental,
  }
}

/**
 * Nothing of a stack is started at a site that is not active for it, whatever the plan says: a journal may be resumed long
 * after somebody else has taken over.
 */
async function mustBeActive(engine: Engine, stack: string): Promise<void> {
  const claim = (await engine.readClaim(stack))?.claim
  if (claim?.role === 'active') return
  throw new EngineError(
    'conflict',
    engine.site,
    'start',
    `${engine.site} is ${claim === undefined ? 'nothing' : `${claim.role} under epoch ${claim.epoch}`} for ${stack}: nothing is started there`,
  )
}

/** After a site was lost in the middle of a transfer, the receiving engine holds on to the replica until its connection times out. */
async function removed(action: Extract<Action, { do: 'remove-instance' }>, context: Performing): Promise<void> {
  const { clock } = context.world
  const { instance, busy_within_s = 0 } = action
  const end = clock.now().getTime() + busy_within_s * 1000
  for (;;) {
    try {
      return await context.world.engine(context.site).removeInstance(instance)
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== 'busy' || busy_within_s === 0) throw error
      if (clock.now().getTime() >= end)
        throw new Unmet(
          `${instance.name} (${instance.area.kind}) at ${context.site} is still busy after ${busy_within_s} s: ${error.message}`,
          `something at ${context.site} works on it, such as the end of a transfer that broke; see \`incus operation list\` there, then resume`,
        )
      context.progress(`busy with an earlier transfer; waiting up to ${busy_within_s} s`)
      await clock.sleep(2000, context.signal)
    }
  }
}

/** A site whose role has changed meanwhile may be living on the point: then it stays. */
async function removePoint(engine: Engine, stack: string, name: string): Promise<void> {
  await changeClaim(engine, stack, (claim) => {
    if (!claim.points.some((point) => point.name === name)) return claim
    if (claim.role !== 'standby')
      throw new EngineError('conflict', engine.site, 'claim', `${engine.site} is ${claim.role} now, and holds ${name}`)
    return { ...claim, points: claim.points.filter((point) => point.name !== name) }
  })
}

/** A site that does not answer says nothing; one that answers with a newer epoch has the word. */
async function notOvertaken(other: Engine, before: Claim): Promise<void> {
  const seen = await other.readClaim(before.stack).catch((error: unknown) => {
    if (error instanceof EngineError) return undefined
    throw error
  })
  if (seen === undefined || seen.claim.epoch <= before.epoch) return
  throw new EngineError(
    'conflict',
    other.site,
    'claim',
    `${other.site} took epoch ${seen.claim.epoch} meanwhile (${seen.claim.decided.why}): epoch ${before.epoch} does not come back`,
  )
}

/**
 * A client that hears nothing asks again after 2, 4, 8 ... 64 s (systemd, sd-dhcp-client.c): by the time the server is back
 * it may be silent for a minute. A leg that was down for a moment asks at once.
 */
const ask_again_ms = 8_000

async function lease(action: Extract<Action, { do: 'lease' }>, context: Performing): Promise<Found> {
  const { clock } = context.world
  const engine = context.world.engine(context.site)
  const began = clock.now().getTime()
  const end = began + action.within_s * 1000
  let asks = context.again ? began : began + ask_again_ms
  for (;;) {
    const address = await engine.leaseOf(action.instance, action.interface)
    if (address !== undefined && action.ipv6_within_s === undefined) return { address }
    if (address !== undefined) {
      const ipv6 = await advertised(action, action.ipv6_within_s ?? 0, context)
      if (ipv6 === 'none' && action.ipv6_for !== undefined) throw unadvertised(action, context.site)
      return { address, ipv6 }
    }
    if (clock.now().getTime() >= asks) {
      asks = clock.now().getTime() + ask_again_ms
      const blink = `ip link set dev ${action.interface} down && ip link set dev ${action.interface} up`
      await engine.exec(action.instance, ['/bin/sh', '-c', blink], 10).catch(unlessBug)
    }
    if (clock.now().getTime() >= end) {
      throw new Unmet(
        `${action.instance.name} got no address on its ${action.interface} leg at ${context.site} within ${action.within_s} s`,
        `the DHCP server of the ${action.interface} network did not answer, or has no address left`,
      )
    }
    await clock.sleep(100, context.signal)
  }
}

function unadvertised(action: Extract<Action, { do: 'lease' }>, site: string): Unmet {
  return new Unmet(
    `${action.instance.name} got no IPv6 address on its ${action.interface} leg at ${site} within ${action.ipv6_within_s} s, and ${action.ipv6_for} needs one`,
    `no router advertised a prefix on the ${action.interface} network, and no DHCPv6 server answered`,
  )
}

/** A nudge that did not get through is no failure: what counts is whether there is an address in time. */
function unlessBug(error: unknown): void {
  if (!(error instanceof EngineError)) throw error
}

/** A site that gives no IPv6 address, whatever its site file says, has not failed the stack: IPv4 is there. */
async function advertised(
  action: Extract<Action, { do: 'lease' }>,
  within_s: number,
  context: Performing,
): Promise<string> {
  const { clock } = context.world
  const end = clock.now().getTime() + within_s * 1000
  for (;;) {
    const address = await context.world.engine(context.site).leaseOf(action.instance, action.interface, 6)
    if (address !== undefined) return address
    if (clock.now().getTime() >= end) return 'none'
    await clock.sleep(100, context.signal)
  }
}

function ipv6Of(
  action: { readonly lease_step: string; readonly ipv6?: true | string },
  context: Performing,
): Ipv6Record {
  return action.ipv6 === true ? String(context.found(action.lease_step).ipv6 ?? 'none') : action.ipv6
}

function addressOf(context: Performing, step: string): string {
  return String(context.found(step).address)
}
