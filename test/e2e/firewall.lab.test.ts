// On the lab: 12 s
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { outside, startWorld, type World } from './appliances/world.ts'

/**
 * What the golden case `policy` says, tried with packets through its firewall: the rendered ruleset in the kernel, the logger
 * of the image, clients with real sockets. Needs root, no lab.
 */
const MACHINE = join(import.meta.dirname, 'appliances/machine.ts')
let world: World

beforeAll(async () => {
  world = await startWorld(join(import.meta.dirname, '../golden/policy/stack.yaml'))
  const ports = {
    web1: ['80', '81'],
    web2: ['80', '81'],
    ops: ['22', 'udp/514'],
    ops2: ['22'],
    desk: ['8005', '8500', '7000', 'udp/9005', 'udp/9011'],
  }
  await Promise.all(
    Object.entries(ports).map(([name, own]) => world.serve(name, [process.execPath, MACHINE, name, ...own])),
  )
  await Promise.all(Object.entries(ports).map(([name, own]) => listening(name, Number(own[0]))))
  // The load balancer has seen its servers.
  for (const port of [80, 443]) await until(async () => (await from(outside.customer, port)) === 'web')
  await until(async () => (await from(outside.office, 8443)) === 'web at 81')
})
afterAll(() => world?.end())

describe('clients outside', () => {
  test('reach each service at its port of the one outside address', async () => {
    expect(await from(outside.customer, 80)).toBe('web')
    expect(await from(outside.customer, 443)).toBe('web')
    expect(await from(outside.office, 8443)).toBe('web at 81')
    expect(await from(outside.office, 2201)).toBe('ops')
    expect(await from(outside.office, 2202)).toBe('ops2')
  })

  test('of other addresses than the group reach nothing of what is for the group', async () => {
    const answers = await Promise.all([8443, 2201, 2202, 22].map((port) => from(outside.customer, port)))
    expect(answers).toEqual(Array(4).fill('nothing'))
  })

  test('reach a service over UDP at its own port of that address, and no other', async () => {
    const tell = (port: number, address: string) => datagram(outside.place, outside.firewall, port, address)
    expect(await tell(5514, outside.office)).toBe('ops')
    expect(await tell(5514, outside.branch)).toBe('ops')
    expect(await tell(5514, outside.customer)).toBe('nothing')
    expect(await tell(514, outside.office)).toBe('nothing')
  })

  test('that are denied reach nothing, what anyone may reach neither', async () => {
    const ports = [80, 443, 8443, 2201]
    const tries = outside.attackers.flatMap((address) => ports.map((port) => from(address, port)))
    expect(await Promise.all(tries)).toEqual(Array(8).fill('nothing'))
  })

  test('may send the types of ICMP that are allowed, and no other', async () => {
    // A reply is type 0 to an echo, 14 to a timestamp (RFC 792); 15 is an information request.
    expect(await icmp(outside.office, 13)).toBe('14')
    expect(await icmp(outside.customer, 13)).toBe('nothing')
    expect(await icmp(outside.office, 15)).toBe('nothing')
    expect(await icmp(outside.office, 8)).toBe('0')
    expect(await counted('allow icmp from offices to ops')).toBeGreaterThan(0)
  })
})

test('raw rules let through what the language cannot say: GRE, from an office and from nobody else', async () => {
  expect(await gre(outside.office)).toBe(outside.office)
  expect(await gre(outside.customer)).toBe('nothing')
})

describe('limits', () => {
  test('per client: each of them has its own, and who is beyond it is dropped', async () => {
    const tries = await several(8, () => from(outside.office, 2201))
    // One connection was made above.
    expect(tries).toEqual([...Array(5).fill('ops'), ...Array(3).fill('nothing')])
    expect(await from(outside.branch, 2201)).toBe('ops')
    expect(await counted('over the limit: allow tcp/22 at 2201')).toBeGreaterThanOrEqual(3)
  })

  test('of a rule: all clients together', async () => {
    const tries = await several(6, () => from(outside.branch, 2202))
    expect(tries).toEqual([...Array(4).fill('ops2'), ...Array(2).fill('nothing')])
    expect(await from(outside.office, 2202)).toBe('nothing')
  })
})

describe('between segments', () => {
  test('the first rule that matches decides: denied to one machine, allowed to the others', async () => {
    const desk = addressOf('desk')
    expect(await inside('ops', desk, 8005)).toBe('desk')
    expect(await inside('ops2', desk, 8005)).toBe('nothing')
    expect(await inside('ops2', desk, 8500)).toBe('desk')
    expect(await inside('ops', desk, 7000)).toBe('nothing')
  })

  test('a range of UDP ports lets in what is in it, and answers come back', async () => {
    const desk = addressOf('desk')
    expect(await datagram('ops', desk, 9005)).toBe('desk')
    expect(await datagram('ops2', desk, 9005)).toBe('desk')
    expect(await datagram('ops', desk, 9011)).toBe('nothing')
    expect(await datagram('web1', desk, 9005)).toBe('nothing')
  })

  test('what no rule allows is denied: the way out, and the way back', async () => {
    expect(await inside('desk', addressOf('ops'), 22)).toBe('nothing')
    expect(await inside('ops', outside.customer, 80)).toBe('nothing')
  })
})

test('the log says what was denied and let in, with the words of the rule and the addresses', async () => {
  const [attacker] = outside.attackers
  const denied = new RegExp(`deny any from attackers to anyone:.*IN=outside.*SRC=${attacker} .*PROTO=TCP.*DPT=443 `)
  const allowed = new RegExp(`allow tcp/22 at 2201 from offices to ops:.*SRC=${outside.branch} .*DPT=22 `)
  const inner = new RegExp(`deny any from admin to anyone:.*IN=admin OUT=outside.*DST=${outside.customer} `)
  await until(async () => {
    const log = await journal()
    return [denied, allowed, inner].every((line) => line.test(log))
  })
  expect(await journal()).not.toMatch(/allow tcp\/22 at 2202/)
})

function from(address: string, port: number): Promise<string> {
  return ask(outside.place, ['--interface', address], `http://${outside.firewall}:${port}/`)
}

function inside(place: string, address: string, port: number): Promise<string> {
  return ask(place, [], `http://${address}:${port}/`)
}

/** Who answered; web machines are one. What is dropped is silent; a second SYN would come after 1 s and be counted by limits. */
async function ask(place: string, options: readonly string[], url: string): Promise<string> {
  const ran = await world.at(place, ['curl', '-sf', '--connect-timeout', '0.8', '--max-time', '5', ...options, url])
  if (ran.exit !== 0) return 'nothing'
  const { name, port } = JSON.parse(ran.stdout) as { name: string; port: number }
  return `${name.replace(/^web\d$/, 'web')}${port === 81 ? ' at 81' : ''}`
}

/** One message of the type, from an address; the type of the answer. */
async function icmp(address: string, type: number): Promise<string> {
  const script = `
    socket(my $s, PF_INET, SOCK_RAW, 1) or die; bind($s, sockaddr_in(0, inet_aton("${address}"))) or die;
    my $body = pack("nn", 7, 1) . "\\0" x 12; my $sum = 0; $sum += $_ for unpack("n*", pack("CCn", ${type}, 0, 0) . $body);
    $sum = ($sum & 0xffff) + ($sum >> 16); my $check = ~($sum + ($sum >> 16)) & 0xffff;
    send($s, pack("CCn", ${type}, 0, $check) . $body, 0, sockaddr_in(0, inet_aton("${outside.firewall}"))) or die "$!";
    my $bits = ""; vec($bits, fileno($s), 1) = 1;
    if (select($bits, undef, undef, 0.5)) { recv($s, my $got, 1500, 0); print unpack("C", substr($got, 20, 1)) } else { print "nothing" }`
  const ran = await world.inside(outside.place, ['perl', '-MSocket', '-e', script])
  return ran.exit === 0 ? ran.stdout : ran.stderr
}

/** From whom `desk` gets a packet of protocol 47 (RFC 2784) that was sent from an address. */
async function gre(address: string): Promise<string> {
  const receive = `
    socket(my $s, PF_INET, SOCK_RAW, 47) or die; $| = 1; my $bits = ""; vec($bits, fileno($s), 1) = 1;
    if (select($bits, undef, undef, 4)) { my $from = recv($s, my $got, 1500, 0); print inet_ntoa((sockaddr_in($from))[1]) }
    else { print "nothing" }`
  const send = `
    socket(my $s, PF_INET, SOCK_RAW, 47) or die; bind($s, sockaddr_in(0, inet_aton("${address}"))) or die;
    for (1 .. 10) { send($s, pack("nn", 0, 0x0800) . "x" x 20, 0, sockaddr_in(0, inet_aton("${outside.firewall}"))); select(undef, undef, undef, 0.2) }`
  const [got] = await Promise.all([
    world.inside('desk', ['perl', '-MSocket', '-e', receive]),
    world.inside(outside.place, ['perl', '-MSocket', '-e', send]),
  ])
  return got.exit === 0 ? got.stdout : got.stderr
}

/** Who answers one datagram, sent from an address where the place has several. */
async function datagram(place: string, address: string, port: number, source = '0.0.0.0'): Promise<string> {
  const script = `
    socket(my $s, PF_INET, SOCK_DGRAM, 0) or die; bind($s, sockaddr_in(0, inet_aton("${source}"))) or die; send($s, "who", 0, sockaddr_in(${port}, inet_aton("${address}"))) or exit print "nothing";
    my $bits = ""; vec($bits, fileno($s), 1) = 1;
    my $got; print select($bits, undef, undef, 0.8) && defined recv($s, $got, 1500, 0) ? $got : "nothing"`
  const ran = await world.inside(place, ['perl', '-MSocket', '-e', script])
  return ran.exit === 0 || ran.stdout === 'nothing' ? ran.stdout : ran.stderr
}

/** Packets that rules of these words have matched. */
async function counted(words: string): Promise<number> {
  const ran = await world.inside('fw', ['nft', 'list', 'ruleset'])
  const lines = ran.stdout.split('\n').filter((line) => line.includes(`comment "${words}`))
  return lines.reduce((sum, line) => sum + Number(/counter packets (\d+)/.exec(line)?.[1] ?? 0), 0)
}

async function journal(): Promise<string> {
  return (await world.log('fw')).replaceAll('\0', '')
}

async function several<T>(count: number, attempt: () => Promise<T>): Promise<T[]> {
  const found: T[] = []
  for (let index = 0; index < count; index++) found.push(await attempt())
  return found
}

function addressOf(machine: string): string {
  const leg = world.compiled.instances.find(({ name }) => name === machine)?.legs[0]
  return leg?.to === 'segment' ? leg.address : ''
}

async function listening(place: string, port: number): Promise<void> {
  await until(async () => (await world.at(place, ['curl', '-s', `http://127.0.0.1:${port}/`])).exit === 0)
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 60_000; ; ) {
    if (await holds()) return
    if (Date.now() > end) throw new Error(`not within 20 s: ${holds}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
