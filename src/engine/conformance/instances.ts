import { expect, test } from 'vitest'
import { dataInClone, machine, refused, running, seen, WITHIN_S, type Workbench, write } from './workbench.ts'

/** One instance: power, commands, files, legs, copies. */
export function instances(use: () => Workbench): void {
  test('power: every verb, and every verb again', async () => {
    const bench = use()
    const { east } = bench
    const web = await running(bench, east, 'web1')
    const steps = [
      ['start', 'running'],
      ['pause', 'paused'],
      ['pause', 'paused'],
      ['resume', 'running'],
      ['resume', 'running'],
      ['kill', 'stopped'],
      ['kill', 'stopped'],
      ['stop', 'stopped'],
      ['start', 'running'],
      ['stop', 'stopped'],
    ] as const
    for (const [verb, power] of steps) {
      await east.power(web, verb, 5)
      expect((await seen(east, web))?.power, `after ${verb}`).toBe(power)
    }
  })

  test('started_at is the last start', async () => {
    const bench = use()
    const { east } = bench
    const web = await running(bench, east, 'web1')
    const first = (await seen(east, web))?.started_at
    expect(Date.parse(first ?? 'never')).not.toBeNaN()
    await east.power(web, 'kill', 5)
    await east.power(web, 'start', 5)
    const second = (await seen(east, web))?.started_at
    expect(Date.parse(second!)).toBeGreaterThan(Date.parse(first!))
  })

  test('exec answers exit code, stdout and stderr; a non-zero exit is a result', async () => {
    const bench = use()
    const { east } = bench
    const web = await running(bench, east, 'web1')
    expect(await east.exec(web, ['/bin/sh', '-c', 'echo out; echo err >&2; exit 3'], WITHIN_S)).toEqual({
      exit: 3,
      stdout: 'out\n',
      stderr: 'err\n',
    })
    expect(await east.exec(web, ['/bin/sh', '-c', 'exit 0'], WITHIN_S)).toEqual({ exit: 0, stdout: '', stderr: '' })
  })

  test('exec ends at its limit, and not in an instance that does not run', async () => {
    const bench = use()
    const { east } = bench
    const web = await running(bench, east, 'web1')
    await refused(east, east.exec(web, ['/bin/sh', '-c', 'sleep 60'], 1), 'timed-out')
    await east.power(web, 'kill', 5)
    await refused(east, east.exec(web, ['/bin/sh', '-c', 'exit 0'], 5), 'conflict', 'rejected')
  })

  test('files are put into a stopped and into a running instance, with their mode, and replaced', async () => {
    const bench = use()
    const { east, area } = bench
    const web = machine(bench, area, 'web1')
    const file = '/etc/lifeboat/deep/secret'
    await east.ensureArea(area)
    await east.ensureInstance(web)
    await east.put(web, [
      { path: file, content: 'stopped\n', mode: 0o600 },
      { path: '/etc/bytes', content: new Uint8Array([0x61, 0x62]), mode: 0o644 },
    ])
    await east.power(web, 'start', WITHIN_S)
    const look = async (script: string) => (await east.exec(web, ['/bin/sh', '-c', script], WITHIN_S)).stdout
    expect(await look(`cat ${file}`)).toBe('stopped\n')
    expect(await look('cat /etc/bytes')).toBe('ab')
    expect(await look(`stat -c %a ${file}`)).toBe('600\n')
    await east.put(web, [{ path: file, content: 'running\n', mode: 0o644 }])
    expect(await look(`cat ${file}`)).toBe('running\n')
    expect(await look(`stat -c %a ${file}`)).toBe('644\n')
  })

  test('a clone is stopped, has its own digest and data, and goes its own way', async () => {
    const bench = use()
    const { east, area } = bench
    const db = await running(bench, east, 'db1', 'one')
    await east.checkpoint([db], 'p1', 'each')
    await write(east, db, 'two')
    const copy = machine(bench, area, 'copy', { digest: 'sha256:copy' })
    for (let round = 0; round < 2; round++) {
      await east.clone({ area, name: 'db1', snapshot: 'p1' }, copy)
      expect(await seen(east, copy)).toMatchObject({ object: copy, power: 'stopped', snapshots: [] })
    }
    await refused(east, east.clone({ area, name: 'db1', snapshot: 'p1' }, { ...copy, digest: 'sha256:x' }), 'conflict')
    await refused(east, east.clone({ area, name: 'db1', snapshot: 'p9' }, machine(bench, area, 'nothing')), 'not-found')
    await east.power(db, 'kill', 5)
    await east.removeInstance(db)
    expect(await dataInClone(bench, east, copy)).toBe('one')
  })

  test('cutting legs is idempotent, works on stopped and running instances, and cuts', async () => {
    const bench = use()
    const { east, area } = bench
    const survey = await east.survey()
    const fw = machine(bench, area, 'fw', {
      role: 'appliance',
      nics: survey.outside ? [{ interface: 'outside', mac: '02:00:5e:00:00:02', network: 'outside' }] : [],
    })
    await east.ensureArea(area)
    await east.ensureInstance(fw)
    await east.cutLegs(fw, true)
    await east.cutLegs(fw, true)
    await east.power(fw, 'start', WITHIN_S)
    const carries = async () => bench.legCarries?.('east', fw, 'outside')
    if (survey.outside) expect(await carries()).not.toBe(true)
    await east.cutLegs(fw, false)
    await east.cutLegs(fw, false)
    if (survey.outside) expect(await carries()).not.toBe(false)
    await east.cutLegs(fw, true)
    if (survey.outside) expect(await carries()).not.toBe(true)
    expect((await seen(east, fw))?.power).toBe('running')
    expect((await seen(east, fw))?.object).toEqual(fw)
    expect(await east.leaseOf(fw, 'no-such-interface')).toBeUndefined()
  })

  test('an instance is renamed when it is stopped, with all that it is; a name that is taken is a conflict', async () => {
    const bench = use()
    const { east, area } = bench
    const web = await running(bench, east, 'web1', 'mine')
    await refused(east, east.rename(web, 'web2'), 'conflict')
    await east.power(web, 'kill', 5)
    for (let round = 0; round < 2; round++) await east.rename(web, 'web2')
    expect(await seen(east, web)).toBeUndefined()
    expect((await seen(east, { area, name: 'web2' }))?.object).toEqual({ ...web, name: 'web2' })
    expect(await dataInClone(bench, east, { area, name: 'web2' })).toBe('mine')
    await east.ensureInstance(web)
    await refused(east, east.rename(web, 'web2'), 'conflict')
    await refused(east, east.rename(machine(bench, area, 'web8'), 'web9'), 'not-found')
  })

  test('all legs are cut and restored, also those to segments', async () => {
    const bench = use()
    const { east, area } = bench
    const legs = { interface: 'eth0', mac: '02:00:5e:00:00:03', network: 'segment', segment: 'front' } as const
    const fw = machine(bench, area, 'fw', { role: 'appliance', nics: [legs] })
    await east.ensureArea(area)
    await east.ensureNetwork({ type: 'network', area, segment: 'front' })
    await east.ensureInstance(fw)
    for (let round = 0; round < 2; round++) await east.cutLegs(fw, true, 'all')
    await east.power(fw, 'start', WITHIN_S)
    expect((await bench.legCarries?.('east', fw, 'eth0')) ?? false).toBe(false)
    for (let round = 0; round < 2; round++) await east.cutLegs(fw, false, 'all')
    expect((await bench.legCarries?.('east', fw, 'eth0')) ?? true).toBe(true)
    expect((await seen(east, fw))?.object).toEqual(fw)
  })

  test('the console has a tail', async () => {
    const bench = use()
    const web = await running(bench, bench.east, 'web1')
    const tail = await bench.east.consoleTail(web, 2)
    expect(tail.trimEnd().split('\n').length).toBeLessThanOrEqual(2)
  })
}
