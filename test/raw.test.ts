import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { rawOf, rawWords } from '../src/compile/raw.ts'
import { plan, type Request, run } from '../src/lifeboat.ts'
import { reportHtml } from '../src/report/html.ts'
import { planText, reportText } from '../src/report/text.ts'
import { parseStack } from '../src/stack/parse.ts'
import { goodBubble } from './every-step/drill-guests.ts'
import { type Rig, rig, stackFile } from './every-step/rig.ts'

/** Lines that nobody checks are named wherever something is said of the stack. */
const folder = mkdtempSync(join(tmpdir(), 'lifeboat-raw-'))
const file = join(folder, 'shop.yaml')
const listen = 'listen: web:8080,'
writeFileSync(
  file,
  readFileSync(stackFile, 'utf8').replace(listen, `${listen} raw: { backend: option http-server-close },`),
)
copyFileSync(join(dirname(stackFile), 'stand-in.txt'), join(folder, 'stand-in.txt'))
afterAll(() => rmSync(folder, { recursive: true }))

const deploy: Request = { verb: 'deploy', file, site: 'east', remove: [] }
const WORDS = 'lb has 1 raw line in the backend of internal: option http-server-close'

const replicate: Request = { verb: 'replicate', stack: 'shop' }
const failover: Request = { verb: 'failover', stack: 'shop', to: undefined, point: undefined, down: ['east'] }
const drill: Request = { verb: 'drill', stack: 'shop', point: undefined, keep: false, remove: false }
/** East runs on, unseen, while west takes over. */
const lost = 'lost'

test.each([
  ['deploy', deploy, []],
  ['replicate', replicate, [deploy]],
  ['drill', drill, [deploy, replicate]],
  ['drill --remove', { ...drill, remove: true }, [deploy, replicate, { ...drill, keep: true }]],
  ['move', { verb: 'move', stack: 'shop', to: 'west' }, [deploy, replicate]],
  ['failover', failover, [deploy, replicate]],
  ['guard', { verb: 'guard', stack: 'shop' }, [deploy, replicate, lost]],
  ['reprotect', { verb: 'reprotect', stack: 'shop' }, [deploy, replicate, lost]],
  [
    'rescue',
    { verb: 'rescue', stack: 'shop', do: 'look', epoch: undefined, consent: undefined },
    [deploy, replicate, lost, { verb: 'reprotect', stack: 'shop' }],
  ],
  ['failback', { verb: 'failback', stack: 'shop' }, [deploy, replicate, lost]],
  ['destroy', { verb: 'destroy', stack: 'shop', consent: 'shop', site: undefined }, [deploy, replicate]],
] as const satisfies readonly (readonly [string, Request, readonly (Request | typeof lost)[]])[])(
  'the plan and every form of the report of %s name them',
  async (_, request, before) => {
    const on = rig()
    on.world.site('west').onExec(goodBubble)
    for (const each of before) {
      if (each === lost) on.world.isolate('east')
      expect((await done(on, each === lost ? failover : each)).outcome).toBe('done')
      if (each === lost) on.world.rejoin('east')
    }
    const { planned, outcome, report } = await done(on, request)
    expect(planText(planned)).toContain(`note: ${WORDS}`)
    expect(outcome).toBe('done')
    expect(report.findings).toContainEqual(expect.objectContaining({ level: 'note', what: WORDS }))
    expect(reportText(report)).toContain(`note: ${WORDS}`)
    expect(reportHtml(report)).toContain(WORDS)
  },
)

test('a cycle that can take no point names them too', async () => {
  const on = rig()
  for (const each of [deploy, replicate]) await done(on, each)
  on.world.site('east').get({ area: { kind: 'stack', stack: 'shop' }, name: 'db1' }).power = 'paused'
  on.world.powerCut('west')
  expect((await done(on, replicate)).report.findings).toContainEqual(expect.objectContaining({ what: WORDS }))
})

test('rules of a firewall are named by their chain', () => {
  const { stack } = parseStack(
    readFileSync(join(import.meta.dirname, 'golden/policy/stack.yaml'), 'utf8'),
    'stack.yaml',
  )
  if (stack === undefined) throw new Error('the golden case has problems')
  expect(rawOf(stack).map(rawWords)).toEqual([
    expect.stringMatching(/^fw has 1 raw line in the translate chain: iifname "outside" .* dnat ip to 10\.20\.1\.11$/),
    expect.stringMatching(/^fw has 1 raw line in the forward chain: /),
  ])
})

async function done(on: Rig, request: Request) {
  const controller = on.controller()
  const planned = await plan(controller, request, on.world.clock.now())
  if ('refused' in planned) throw new Error(JSON.stringify(planned.refused))
  return { planned: planned.plan, ...(await run(controller, planned.plan, () => {})) }
}
