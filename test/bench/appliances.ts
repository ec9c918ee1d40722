import { join } from 'node:path'
import { outside, startWorld, type World } from '../e2e/appliances/world.ts'
import { median, printRows, row } from './rows.ts'

/**
 * What passes through a firewall and a load balancer against the same between neighbours. Rules and configuration are the
 * rendered ones, programs those of the image, in network namespaces: veth pairs and bridges, as in Incus. Sender,
 * appliance and receiver share the processors, which is the bound: what is lost is the appliance's part of their time.
 */
export async function appliances(): Promise<void> {
  const world = await startWorld(join(import.meta.dirname, 'appliances.yaml'))
  try {
    await serve(world)
    const [direct, balancer] = [addressOf(world, 'direct'), addressOf(world, 'lb')]
    const rates = await rounds([
      () => gigabits(world, 'neighbour', direct),
      () => gigabits(world, outside.place, outside.firewall),
      () => gigabits(world, 'neighbour', balancer),
    ])
    compare('firewall, one TCP connection', rates[1], rates[0], 'Gbit/s', 0.5)
    compare('load balancer (tcp), one connection', rates[2], rates[0], 'Gbit/s', 0.25)
    const requests = await rounds([
      () => requestsEach(world, 'neighbour', direct, true),
      () => requestsEach(world, 'neighbour', balancer, true),
      () => requestsEach(world, 'neighbour', direct, false),
      () => requestsEach(world, outside.place, outside.firewall, false),
    ])
    compare('load balancer (http), 32 connections kept', requests[1], requests[0], 'req/s', 0.5)
    compare('firewall, a new connection for each request', requests[3], requests[2], 'req/s', 0.7)
  } finally {
    world.end()
  }
}

async function serve(world: World): Promise<void> {
  const server = "require('http').createServer((q, r) => r.end('ok')).listen(80)"
  for (const place of ['direct', 'balanced']) {
    await world.serve(place, ['iperf3', '--server'], true)
    await world.serve(place, [process.execPath, '--eval', server])
  }
  const ready = `for url in ${[addressOf(world, 'direct'), addressOf(world, 'lb')].map((each) => `http://${each}/`).join(' ')}; do
    until curl -sf "$url" >/dev/null; do sleep 0.05; done; done; sleep 2`
  await world.at('neighbour', ['sh', '-c', ready])
}

/** Three rounds of all, one after the other, so that what else the machine does falls on each alike: the median of each. */
async function rounds(measures: readonly (() => Promise<number>)[]): Promise<number[]> {
  const seen = measures.map((): number[] => [])
  for (let round = 0; round < 3; round++)
    for (const [index, measure] of measures.entries()) seen[index]?.push(await measure())
  return seen.map(median)
}

async function gigabits(world: World, place: string, to: string): Promise<number> {
  const ran = await world.inside(place, ['iperf3', '--json', '--time', '2', '--client', to])
  const said = JSON.parse(ran.stdout) as { end?: { sum_received: { bits_per_second: number } }; error?: string }
  if (said.end?.sum_received === undefined) throw new Error(`iperf3 from ${place} to ${to}: ${said.error}`)
  return said.end.sum_received.bits_per_second / 1e9
}

/** Good answers a second, 32 requests at any time. */
async function requestsEach(world: World, place: string, to: string, keepAlive: boolean): Promise<number> {
  const client = `
    const http = require('http'), agent = new http.Agent({ keepAlive: ${keepAlive}, maxSockets: 32 }), end = Date.now() + 2000
    let good = 0
    const next = () => Date.now() < end && http.get({ host: '${to}', agent }, (r) => r.resume().on('end', () => { good += r.statusCode === 200; next() })).on('error', next)
    for (let i = 0; i < 32; i++) next()
    setTimeout(() => { console.log(good / 2); process.exit() }, 2000)`
  const ran = await world.at(place, [process.execPath, '--eval', client])
  if (ran.exit !== 0) throw new Error(`requests from ${place} to ${to}: ${ran.stderr}`)
  return Number(ran.stdout)
}

function compare(what: string, seen = Number.NaN, without = Number.NaN, unit: string, goal: number): void {
  const words = (value: number) => `${unit === 'req/s' ? value.toFixed(0) : value.toFixed(2)} ${unit}`
  const part = seen / without
  row(what, words(seen), `${words(without)} without`, `>= ${goal}, is ${part.toFixed(2)}`, part >= goal)
}

function addressOf(world: World, name: string): string {
  const legs = world.compiled.instances.find((each) => each.name === name)?.legs ?? []
  const leg = legs.find((each) => each.to === 'segment' && each.segment === 'front')
  return leg?.to === 'segment' ? leg.address : ''
}

if (import.meta.main) {
  await appliances()
  printRows()
}
