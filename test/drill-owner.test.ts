import { expect, test } from 'vitest'
import { Crash } from '../src/engine/fake/faults.ts'
import { type Lifeboat, plan, type Ran, type Request, run, status } from '../src/lifeboat.ts'
import type { Plan } from '../src/plan/plan.ts'
import { statusText } from '../src/report/status.ts'
import { goodBubble } from './every-step/drill-guests.ts'
import { type Rig, rig, stackFile } from './every-step/rig.ts'

/** Two controllers that drill one stack, and drills that are ended from outside. */
const drill = { verb: 'drill', stack: 'shop', point: undefined, keep: false, remove: false } as const satisfies Request
const remove = { ...drill, remove: true } as const satisfies Request

test('of two drills that begin at the same time one goes on, the other is told who is first and leaves nothing', async () => {
  const on = await replicated()
  const before = await on.state()
  const [one, other] = [on.controller(new Map()), on.controller(new Map())]
  const plans = [await planned(on, one), await planned(on, other)]
  const rans = await Promise.all([run(one, plans[0]!, () => {}), run(other, plans[1]!, () => {})])
  expect(rans.map((each) => each.outcome).sort()).toEqual(['done', 'undone'])
  const told = rans.find((each) => each.outcome === 'undone')?.report.failures[0]
  expect(told).toMatchObject({
    step: 'drilling',
    what: expect.stringMatching(/^drill \w{6} of shop was begun at west/),
  })
  expect(await on.state()).toBe(before)
})

test('who drills is told to whoever asks meanwhile, and the bubble is not removed', async () => {
  const on = await replicated()
  const first = on.controller(new Map())
  const second = on.controller(new Map(), () => true)
  const seen: unknown[] = []
  const asks = async () => {
    for (const request of [drill, remove]) seen.push(await plan(second, request, on.world.clock.now()))
    const found = await status(second, 'shop', on.world.clock.now())
    seen.push('refused' in found ? found : statusText(found))
  }
  let asked = Promise.resolve()
  const ran = await run(first, await planned(on, first), (event) => {
    if (event.type === 'step-done' && event.step === 'reachability') asked = asks()
  })
  expect(ran.outcome).toBe('done')
  await asked
  const who = expect.stringMatching(/^drill \w{6} of shop at west was begun by test@fake at .* that process is there$/)
  expect(seen).toMatchObject([
    { refused: [{ what: who, needs: 'change' }] },
    { refused: [{ what: who, needs: 'change' }] },
    expect.stringMatching(/drill \w{6}: was begun by test@fake at/),
  ])
})

test("a dead controller's bubble on another machine goes by a person's word, and not without", async () => {
  const on = await replicated()
  const before = await on.state()
  await dies(on)
  const elsewhere = on.controller(new Map())
  const self = { ...elsewhere.processes.self, host: 'ops2' }
  const there: Lifeboat = { ...elsewhere, processes: { self, lives: () => 'unknown' } }
  for (const request of [drill, remove]) {
    const refused = await plan(there, request, on.world.clock.now())
    expect(refused).toMatchObject({
      refused: [
        {
          what: expect.stringContaining('cannot be seen from here'),
          hint: expect.stringContaining('--remove --gone '),
          needs: 'person',
        },
      ],
    })
  }
  const claimed = await on.world.engine('west').readClaim('shop')
  const gone = claimed?.claim.drilling?.drill
  expect(await plan(there, { ...remove, gone: 'ffffff' }, on.world.clock.now())).toHaveProperty('refused')
  const word = await plan(there, { ...remove, gone }, on.world.clock.now())
  if ('refused' in word) throw new Error(word.refused[0]?.what)
  expect((await run(there, word.plan, () => {})).outcome).toBe('done')
  expect(await on.state()).toBe(before)
})

test('what a killed controller left is named by status and replicate, and removed by the next drill', async () => {
  const on = await replicated()
  await dies(on)
  const found = await status(on.controller(new Map()), 'shop', on.world.clock.now())
  expect('refused' in found ? '' : statusText(found)).toMatch(
    /drill \w{6}: was begun by test@fake .*, which is gone: its bubble is left \(lifeboat drill shop --remove\)/,
  )
  const cycle = await does(on, { verb: 'replicate', stack: 'shop' })
  expect(cycle.report.findings.map((each) => each.what).join()).toMatch(/drill \w{6} at west: was begun by/)
  const next = await does(on, drill)
  expect(next.report.findings.map((each) => each.what).join()).toContain('was not ended by whoever began it')
  expect(await on.state()).not.toMatch(/bubble|being drilled/)
})

test.each(['start border', 'ready db', 'reachability', 'proof'])(
  'interrupted at "%s" it removes its bubble',
  async (at) => {
    const on = await replicated()
    const before = await on.state()
    const ran = await interrupted(on, at)
    expect(ran.outcome).toBe('undone')
    expect(ran.report.failures.every((each) => each.code === 'stopped')).toBe(true)
    expect(ran.report.left).toEqual([])
    expect(await on.state()).toBe(before)
  },
)

test('interrupted when it cleans up it goes on with that, and the proof holds', async () => {
  const on = await replicated()
  const before = await on.state()
  const ran = await interrupted(on, 'drilled')
  expect(ran.outcome).toBe('done')
  expect(await on.state()).toBe(before)
})

test('an interrupt does not wait for guests that take their time', async () => {
  const on = await replicated()
  on.world.site('west').onExec(async ({ argv, clock, signal }) => {
    if (argv.includes('lifeboat-packets')) await clock.sleep(50_000, signal)
    return undefined
  })
  const from = on.world.clock.now().getTime()
  const ran = await interrupted(on, 'reachability')
  expect(ran.outcome).toBe('undone')
  expect(on.world.clock.now().getTime() - from).toBeLessThan(40_000)
})

async function interrupted(on: Rig, at: string): Promise<Ran> {
  const controller = on.controller()
  const stop = new AbortController()
  return run(
    controller,
    await planned(on, controller),
    (event) => {
      if (event.type === 'step-started' && event.step === at) stop.abort('interrupted by SIGINT')
    },
    stop.signal,
  )
}

/** A controller that is killed when the machines of the bubble run. */
async function dies(on: Rig): Promise<void> {
  on.world.faults.at({ site: 'west', call: 'power', nth: 12 }, 'crash', { when: 'after' })
  await expect(does(on, drill)).rejects.toThrow(Crash)
  on.journals.clear()
}

async function replicated(): Promise<Rig> {
  const on = rig()
  await does(on, { verb: 'deploy', file: stackFile, site: 'east', remove: [] })
  await does(on, { verb: 'replicate', stack: 'shop' })
  on.world.site('west').onExec(goodBubble)
  return on
}

async function planned(on: Rig, controller: Lifeboat): Promise<Plan> {
  const found = await plan(controller, drill, on.world.clock.now())
  if ('refused' in found) throw new Error(found.refused[0]?.what)
  await on.world.clock.sleep(10)
  return found.plan
}

async function does(on: Rig, request: Request): Promise<Ran> {
  const controller = on.controller()
  const found = await plan(controller, request, on.world.clock.now())
  if ('refused' in found) throw new Error(found.refused.map((each) => each.what).join('; '))
  return run(controller, found.plan, () => {})
}
