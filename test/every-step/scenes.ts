import { plan, type Request, run } from '../../src/lifeboat.ts'
import { goodBubble } from './drill-guests.ts'
import { announcedFile, ledgerFile, type Rig, rig, rulesFile, stackFile } from './rig.ts'

/** An operation, and the world that it starts from. */
export type Scene = {
  readonly name: string
  readonly request: Request
  prepare(): Promise<Rig>
  /** Lines of the state that stay when the operation is taken back, as they cost nothing and the next try needs them. */
  readonly stays?: RegExp
  /** What a second controller is told where the first one had come to the end. */
  readonly ended?: RegExp
}

const deploy = { verb: 'deploy', file: stackFile, site: 'east', remove: [] } as const satisfies Request
const replicate: Request = { verb: 'replicate', stack: 'shop' }
const failover: Request = { verb: 'failover', stack: 'shop', to: undefined, point: undefined, down: ['east'] }
const move: Request = { verb: 'move', stack: 'shop', to: 'west' }
const guard: Request = { verb: 'guard', stack: 'shop' }
const reprotect: Request = { verb: 'reprotect', stack: 'shop' }
const failback: Request = { verb: 'failback', stack: 'shop' }
const drill: Request = { verb: 'drill', stack: 'shop', point: undefined, keep: false, remove: false }

export const scenes: readonly Scene[] = [
  { name: 'first deploy', request: deploy, prepare: async () => rig() },
  { name: 'first cycle', request: replicate, prepare: () => after(deploy), stays: /^west (claim|keep$|replica|watch)/ },
  {
    name: 'cycle of frozen machines',
    request: replicate,
    prepare: () => after({ ...deploy, file: ledgerFile }),
    stays: /^west (claim|keep$|replica|watch)/,
  },
  { name: 'later cycle', request: replicate, prepare: () => after(deploy, replicate) },
  {
    name: 'failover, site down',
    request: failover,
    prepare: async () => {
      const on = await after(deploy, replicate)
      on.world.powerCut('east')
      return on
    },
  },
  { name: 'failover, site fenced', request: failover, prepare: () => after(deploy, replicate) },
  { name: 'move', request: move, prepare: () => after(deploy, replicate) },
  {
    name: 'first deploy, announced',
    request: { ...deploy, file: announcedFile },
    prepare: async () => rig(),
  },
  {
    name: 'failover, site fenced, announced',
    request: failover,
    prepare: () => after({ ...deploy, file: announcedFile }, replicate),
  },
  { name: 'move, announced', request: move, prepare: () => after({ ...deploy, file: announcedFile }, replicate) },
  { name: 'guard, a lost site is back', request: guard, prepare: () => lostAndBack() },
  { name: 'reprotect, a lost site is back', request: reprotect, prepare: () => lostAndBack() },
  { name: 'failback', request: failback, prepare: () => lostAndBack(reprotect, replicate) },
  { name: 'drill', request: drill, prepare: () => bubbly(deploy, replicate) },
  {
    name: 'promotion of a kept drill',
    request: { ...drill, promote: true, down: ['east'] },
    prepare: async () => {
      const on = await bubbly(deploy, replicate)
      await go(on, { ...drill, keep: true })
      on.world.powerCut('east')
      return on
    },
  },
  { name: 'deploy of other rules', request: { ...deploy, file: rulesFile }, prepare: () => after(deploy, replicate) },
  {
    name: 'deploy of a new image of the appliances',
    request: deploy,
    prepare: async () => {
      const on = await after(deploy, replicate)
      for (const site of ['east', 'west']) on.world.site(site).images.set('lifeboat-appliance', 'fake-newer')
      return on
    },
  },
  {
    name: 'destroy',
    request: { verb: 'destroy', stack: 'shop', consent: 'shop', site: undefined },
    prepare: () => after(deploy, replicate),
    ended: /knows a stack/,
  },
]

/** The state without what may stay when an operation is taken back. */
export const lasting = (scene: Scene, state: string): string =>
  state
    .split('\n')
    .filter((line) => scene.stays?.test(line) !== true)
    .join('\n')

export async function after(...requests: readonly Request[]): Promise<Rig> {
  const on = rig()
  await go(on, ...requests)
  return on
}

async function go(on: Rig, ...requests: readonly Request[]): Promise<void> {
  for (const request of requests) {
    const controller = on.controller()
    const planned = await plan(controller, request, on.world.clock.now())
    if ('refused' in planned) throw new Error(planned.refused.map((each) => each.what).join('; '))
    const ran = await run(controller, planned.plan, () => {})
    if (ran.outcome !== 'done')
      throw new Error(`${request.verb}: ${ran.outcome}: ${JSON.stringify(ran.report.failures)}`)
    on.journals.clear()
  }
}

/** East went on running where nobody could see it while west took over; now it is seen again. */
async function lostAndBack(...more: readonly Request[]): Promise<Rig> {
  const on = await after(deploy, replicate)
  on.world.isolate('east')
  await go(on, failover)
  on.world.rejoin('east')
  await go(on, ...more)
  return on
}

/** With guests at the standby that answer what a drill asks them. */
export async function bubbly(...requests: readonly Request[]): Promise<Rig> {
  const on = await after(...requests)
  on.world.site('west').onExec(goodBubble)
  return on
}
