import { expect, test } from 'vitest'
import { type Lifeboat, plan, type Request, resume, run } from '../../src/lifeboat.ts'
import { StoreError } from '../../src/store/error.ts'
import { JournalLost } from '../../src/store/operation.ts'
import { type Journals, type Rig, rig, stackFile } from './rig.ts'

/** The disk with the journals is full: nothing goes on that nobody could take up again. */
const deploy: Request = { verb: 'deploy', file: stackFile, site: 'east', remove: [] }

test('where the journal cannot begin nothing is done, and nothing of it is left', async () => {
  const on = rig()
  const journals: Journals = new Map()
  const before = await on.state()
  await expect(deployed(on, withRoomFor(0, on.controller(journals)))).rejects.toMatchObject({
    name: 'JournalLost',
    begun: false,
    message: expect.stringContaining('was not begun: no room'),
  })
  expect(await on.state()).toBe(before)
  expect([...journals.keys()]).toEqual([])
})

test('wherever the room ends the operation stops there, and is resumed when there is room again', async () => {
  const whole = rig()
  const written: Journals = new Map()
  await deployed(whole, whole.controller(written))
  const goal = await whole.state()
  const events = [...written.values()].flat().length
  expect(events).toBeGreaterThan(20)
  for (let room = 1; room < events; room++) {
    const on = rig()
    const journals: Journals = new Map()
    const lost = deployed(on, withRoomFor(room, on.controller(journals)))
    await expect(lost, `room for ${room}`).rejects.toThrow(JournalLost)
    await expect(lost).rejects.toMatchObject({ begun: true, hint: expect.stringContaining('lifeboat resume') })
    const [operation = ''] = journals.keys()
    expect((await resume(on.controller(journals), operation, () => {})).outcome).toBe('done')
    expect(await on.state(), `room for ${room}`).toBe(goal)
  }
})

/** A controller whose disk takes so many lines and no more. */
function withRoomFor(lines: number, controller: Lifeboat): Lifeboat {
  let left = lines
  const append = (id: string, event: unknown) => {
    if (left-- <= 0) throw new StoreError('no room', 'make some')
    controller.store.append(id, event)
  }
  return { ...controller, store: { ...controller.store, append } }
}

async function deployed(on: Rig, controller: Lifeboat): Promise<unknown> {
  const planned = await plan(controller, deploy, on.world.clock.now())
  if ('refused' in planned) throw new Error(planned.refused[0]?.what)
  return run(controller, planned.plan, () => {})
}
