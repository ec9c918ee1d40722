import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { plan, type Request, run } from '../src/lifeboat.ts'
import { reportHtml } from '../src/report/html.ts'
import { planText, reportText } from '../src/report/text.ts'
import { stackFile } from './every-step/rig.ts'
import { after } from './every-step/scenes.ts'

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

test.each([
  ['deploy', deploy, []],
  ['replicate', { verb: 'replicate', stack: 'shop' }, [deploy]],
  ['move', { verb: 'move', stack: 'shop', to: 'west' }, [deploy, { verb: 'replicate', stack: 'shop' }]],
] as const satisfies readonly (readonly [string, Request, readonly Request[]])[])(
  'the plan and every form of the report of %s name them',
  async (_, request, before) => {
    const on = await after(...before)
    const controller = on.controller()
    const planned = await plan(controller, request, on.world.clock.now())
    if ('refused' in planned) throw new Error(JSON.stringify(planned.refused))
    expect(planText(planned.plan)).toContain(`note: ${WORDS}`)
    const { outcome, report } = await run(controller, planned.plan, () => {})
    expect(outcome).toBe('done')
    expect(report.findings).toContainEqual(expect.objectContaining({ level: 'note', what: WORDS }))
    expect(reportText(report)).toContain(`note: ${WORDS}`)
    expect(reportHtml(report)).toContain(WORDS)
  },
)
