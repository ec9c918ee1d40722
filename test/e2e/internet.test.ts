import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { lifeboat, verb } from '../../lab/demo/story.ts'
import { exec, labPaths, up } from '../../lab/lab.ts'
import { incus } from './stage.ts'

/**
 * Machines get out to the Internet by the declared port and by no other. The client's place stands for the Internet: its own
 * counters say what came there, and from whom.
 */
const project = 'lb-feed'
const STACK = `lifeboat: 1
stack: feed
segments: { app: 10.40.2.0/24 }
machines:
  app: { image: shop-web, segment: app }
appliances:
  out:
    nat: { inside: [app], reaches: [updates] }
services:
  updates: { to: internet, port: tcp/443 }
`
const CLIENT = '192.0.2.10'

let lease = ''
const heard = new Map<string, string>()
let counted = ''

beforeAll(async () => {
  await up()
  const file = join(labPaths.run, 'feed.yaml')
  writeFileSync(file, STACK, { mode: 0o600 })
  const report = await verb('deploy', file, '--site', 'east')
  expect(report.failures).toEqual([])
  lease = await incus('east', 'exec', '--project', project, 'out', '--', 'sh', '-c', 'ip -4 -br address show outside')
  await nft('add table inet feed')
  await nft('add chain inet feed input { type filter hook input priority 0; }')
  for (const port of [443, 80, 8443]) await nft(`add rule inet feed input tcp dport ${port} counter`)
  // Billing at the site and the client, at the declared port and beside it: all at the same time.
  for (const [name, address, port] of [
    ['declared', CLIENT, 443],
    ['undeclared', CLIENT, 80],
    ['undeclared too', CLIENT, 8443],
    ['private', '10.101.0.40', 443],
  ] as const)
    heard.set(name, await tried(address, port))
  counted = await nft('list table inet feed')
}, 900_000)

afterAll(async () => {
  await exec('client', ['nft', 'delete', 'table', 'inet', 'feed'])
  await lifeboat(['destroy', 'feed', '--consent', 'feed'])
})

async function nft(command: string): Promise<string> {
  const ran = await exec('client', ['nft', command])
  if (ran.exit !== 0) throw new Error(ran.stderr)
  return ran.stdout
}

/** Nothing listens there: a refusal comes from the far end, and silence from whoever dropped the packet on the way. */
async function tried(address: string, port: number): Promise<string> {
  const script = `timeout 3 bash -c 'exec 3<>/dev/tcp/${address}/${port}' 2>&1; echo "exit $?"`
  return incus('east', 'exec', '--project', project, 'app', '--', 'bash', '-c', script)
}

test('the declared port gets there, from the lease of the NAT box on the outside network', () => {
  expect(lease).toMatch(/198\.51\.100\.\d+/)
  expect(heard.get('declared')).toMatch(/refused/)
  expect(Number(/dport 443 counter packets (\d+)/.exec(counted)?.[1])).toBeGreaterThan(0)
})

test.each(['undeclared', 'undeclared too', 'private'])('%s: silence, and no packet came', (name) => {
  expect(heard.get(name)).toMatch(/exit 124/)
  for (const port of [80, 8443]) expect(counted).toContain(`dport ${port} counter packets 0 `)
})
