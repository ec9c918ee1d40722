// On the lab: 22 s
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { certificate } from './appliances/certificate.ts'
import { startDatabases } from './appliances/databases.ts'
import { outside, startWorld, type World } from './appliances/world.ts'

/**
 * What the golden case `balancer` says, tried with requests through its firewall and the load balancer of the image, and with
 * real PostgreSQL, MariaDB, Redis and OpenLDAP behind it. Needs root, no lab.
 */
const MACHINE = join(import.meta.dirname, 'appliances/machine.ts')
const certificates = { shop: certificate('shop.example.com'), admin: certificate('admin.example.com') }
let world: World

beforeAll(async () => {
  const secrets = { 'shop-tls': certificates.shop.pair, 'admin-tls': certificates.admin.pair }
  world = await startWorld(join(import.meta.dirname, '../golden/balancer/stack.yaml'), secrets)
  for (const [name, { certificate: text }] of Object.entries(certificates))
    await world.write(outside.place, `/${name}.pem`, text)
  const ports = { web1: ['80', '81'], web2: ['80', '81'], api1: ['8080'], api2: ['8080'], sorry: ['80'] }
  await Promise.all([
    ...Object.entries(ports).map(([name, own]) => world.serve(name, [process.execPath, MACHINE, name, ...own])),
    startDatabases(world),
  ])
  await until(async () => (await servers()).filter(({ up }) => up).length === GOOD)
})
afterAll(() => world?.end())

/** web at two ports, the backup, api for four services, the portal's backups, one of the two databases of each kind but reports. */
const GOOD = 2 + 2 + 1 + 8 + 3 + 5 + 2 + 1

describe('requests', () => {
  test('without TLS are sent to https, host and path kept', async () => {
    const { status, headers } = await get('http://shop.example.com/a?b=1')
    expect([status, headers.location]).toEqual([301, 'https://shop.example.com/a?b=1'])
  })

  test('get the certificate of the name that they ask for, others the first', async () => {
    const [shop, admin] = ['/shop.pem', '/admin.pem']
    expect((await get('https://shop.example.com/', [], shop)).status).toBe(200)
    expect((await get('https://admin.example.com/', [], admin)).status).toBe(200)
    expect((await get('https://shop.example.com/', [], admin)).status).toBe(0)
    const other = ['--connect-to', `shop.example.com:443:${outside.firewall}:443`, '-H', 'Host: other.example.com']
    expect((await get('https://shop.example.com/', other, shop)).status).toBe(200)
  })

  test.each([
    ['shop.example.com/', 'web 80'],
    ['admin.example.com/', 'web 81'],
    ['EU.Admin.example.com/api', 'web 81'],
    ['shop.example.com/api', 'api 8080'],
    ['shop.example.com/api/orders?x=/terms', 'api 8080'],
    ['shop.example.com/v1/', 'api 8080'],
    ['shop.example.com/apis', 'web 80'],
    ['xadmin.example.com/', 'web 80'],
    ['old.example.com/api?q=1', 'https://shop.example.com/api?q=1'],
    ['shop.example.com/terms', 'https://www.example.com/legal?a=100%25'],
    ['admin.example.com/imprint/en', 'https://www.example.com/legal?a=100%25'],
  ])('to %s go to %s: the first route that matches', async (url, wanted) => {
    const { headers, name, port } = await get(`https://${url}`)
    expect(headers.location ?? `${name?.replace(/\d$/, '')} ${port}`).toBe(wanted)
  })

  test('are spread over the servers, and stay with one that a cookie names', async () => {
    const fresh = await several(4, () => get('https://shop.example.com/'))
    expect(new Set(fresh.map(({ name }) => name))).toEqual(new Set(['web1', 'web2']))
    const [cookie = '', ...attributes] = String(fresh[0]?.headers['set-cookie']).split('; ')
    expect(cookie).toBe(`lifeboat-public=${fresh[0]?.name}`)
    expect(attributes).toEqual(expect.arrayContaining(['HttpOnly', 'Secure', 'SameSite=Lax']))
    const again = await several(4, () => get('https://shop.example.com/', ['-H', `Cookie: ${cookie}`]))
    expect(new Set(again.map(({ name }) => name))).toEqual(new Set([fresh[0]?.name]))
  })

  test('by source address stay with one server, each with its own; `first` fills the first one', async () => {
    const clients = [outside.customer, outside.office, outside.branch, ...outside.attackers]
    const served = clients.map(async (address) => {
      const api = await several(3, () => get('https://shop.example.com/api', ['--interface', address]))
      expect(new Set(api.map(({ name }) => name)).size, address).toBe(1)
      return api[0]?.name
    })
    expect(new Set(await Promise.all(served))).toEqual(new Set(['api1', 'api2']))
    const busy = await several(3, () => get(`http://${balancer()}:8081/`, [], undefined, 'web1'))
    expect(busy.map(({ name }) => name)).toEqual(['api1', 'api1', 'api1'])
  })

  test('are limited for each client: beyond it 429', async () => {
    const tries = await several(6, () => get(`http://${balancer()}:8081/`, [], undefined, 'web2'))
    expect(tries.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429])
  })

  test('carry the headers of the rules, and who asked, whatever the client claims', async () => {
    const claims = [
      '-H',
      'X-Debug: 1',
      '-H',
      'X-Site: mine',
      '-H',
      'X-Forwarded-For: 1.2.3.4',
      '-H',
      'X-Forwarded-Proto: ftp',
    ]
    const { seen, headers } = await get('https://shop.example.com/', claims)
    expect(seen).toMatchObject({
      'x-site': 'front # 100%',
      'x-forwarded-for': outside.customer,
      'x-forwarded-proto': 'https',
    })
    expect(seen).not.toHaveProperty('x-debug')
    expect(headers['strict-transport-security']).toBe('max-age=31536000')
    expect(headers).not.toHaveProperty('server')
  })
})

describe('while a server is at work', () => {
  test('the one with the least connections is next; in a round robin each has its turn all the same', async () => {
    for (const [host, backend, wanted] of [
      ['admin', 'public.3', 1],
      ['shop', 'public', 2],
    ] as const) {
      const held = get(`https://${host}.example.com/held`, patient)
      await until(async () => (await atWork(backend)).length === 1)
      const [busy] = await atWork(backend)
      const others = await several(4, () => get(`https://${host}.example.com/`))
      expect(new Set(others.map(({ name }) => name)).size, host).toBe(wanted)
      if (wanted === 1) expect(others[0]?.name).not.toBe(busy)
      await letGo('web1', 'web2')
      expect(await held).toMatchObject({ status: 200, name: busy })
    }
  })

  test('`first` goes on to the second when the first is full; when both are, the next one waits; raw lines do what they say', async () => {
    const ask = (path: string, place: string) => get(`http://${balancer()}:8081${path}`, patient, undefined, place)
    const held = [ask('/held', 'sorry'), ask('/held', 'sorry')]
    await until(async () => (await queued('busy')).join() === '2,0,0')
    expect(await ask('/', 'sorry')).toMatchObject({ name: 'api2', headers: { 'x-raw': 'as it is' } })
    held.push(ask('/held', 'api1'), ask('/held', 'api1'))
    await until(async () => (await queued('busy')).join() === '2,2,0')
    const waits = ask('/', 'api2')
    await until(async () => (await queued('busy')).join() === '2,2,1')
    await letGo('api1', 'api2')
    expect((await Promise.all(held)).map(({ name }) => name)).toEqual(['api1', 'api1', 'api2', 'api2'])
    expect((await waits).status).toBe(200)
  })
})

test('connections of a service beyond the limit wait until there is room', async () => {
  const script = `
    sub ask { socket(my $s, PF_INET, SOCK_STREAM, 0) or die; connect($s, sockaddr_in(8082, inet_aton("${balancer()}"))) or die;
      send($s, "GET / HTTP/1.1\r\nHost: few\r\n\r\n", MSG_NOSIGNAL); $s }
    sub good { my ($s, $for) = @_; my $bits = ""; vec($bits, fileno($s), 1) = 1;
      return "waits" unless select($bits, undef, undef, $for); recv($s, my $got, 64, 0); substr($got, 9, 3) }
    my @s = map { ask() } 1..3; my @first = map { good($_, 5) } @s[0, 1]; push @first, good($s[2], 0.7);
    close $s[0]; print join " ", @first, good($s[2], 5)`
  expect((await world.inside('web1', ['perl', '-MSocket', '-e', script])).stdout).toBe('200 200 waits 200')
})

test('connections of one client beyond the limit are closed, those within it stay', async () => {
  const script = `my @open; for (1..25) { socket(my $s, PF_INET, SOCK_STREAM, 0) or die; connect($s, sockaddr_in(6379, inet_aton("${balancer()}"))) or next;
    send($s, "PING\\r\\n", MSG_NOSIGNAL); my $got = ""; recv($s, $got, 64, 0); push @open, $s if $got =~ /PONG/ } print scalar @open`
  expect((await world.inside('web1', ['perl', '-MSocket', '-e', script])).stdout).toBe('20')
})

describe('servers', () => {
  test.each([
    [
      'database',
      5432,
      'db1',
      ['psql', '-h', 'HOST', '-p', 'PORT', '-U', 'postgres', '-Atc', 'select not pg_is_in_recovery()'],
      't',
    ],
    ['reports', 5433, 'db1 db2', ['psql', '-h', 'HOST', '-p', 'PORT', '-U', 'postgres', '-Atc', 'select 1'], '1'],
    ['cache', 6379, 'db1', ['redis-cli', '-h', 'HOST', '-p', 'PORT', 'set', 'a', '1'], 'OK'],
    ['cache-read', 6380, 'db1 db2', ['redis-cli', '-h', 'HOST', '-p', 'PORT', 'ping'], 'PONG'],
    [
      'directory',
      389,
      'db1',
      ['ldapsearch', '-x', '-LLL', '-H', 'ldap://HOST:PORT', '-b', '', '-s', 'base', '1.1'],
      'dn:',
    ],
    [
      'orders',
      3306,
      'db1',
      ['bash', '-c', 'exec 3<>/dev/tcp/HOST/PORT; head -c 40 <&3 | tr -cd "[:print:]"'],
      /MariaDB/,
    ],
  ] as const)('of %s at port %i are good where they do their work: %s', async (service, port, good, argv, answer) => {
    const up = (await servers()).filter((each) => each.backend === service && each.up)
    expect(up.map(({ name }) => name).join(' ')).toBe(good)
    const command = argv.map((each) => each.replaceAll('HOST', balancer()).replaceAll('PORT', String(port)))
    for (const ran of await several(2, () => world.inside('web1', command))) expect(ran.stdout.trim()).toMatch(answer)
  })

  test('that are not well are left out; the backup serves while none is well, and stops when one is', async () => {
    await say('web1', 'sick')
    await until(async () => names(await several(4, () => get('https://shop.example.com/'))) === 'web2')
    await say('web2', 'sick')
    await until(async () => names(await several(4, () => get('https://shop.example.com/'))) === 'sorry')
    await say('web1', 'well')
    await until(async () => names(await several(4, () => get('https://shop.example.com/'))) === 'web1')
    await say('web2', 'well')
  })

  test('of several backups all serve while nobody of the pool is good; the cookie has the name that it was given', async () => {
    const portal = (cookie?: string) => {
      const options = cookie === undefined ? [] : ['-H', `Cookie: ${cookie}`]
      return get(`http://${balancer()}:8083/`, options, undefined, 'web1')
    }
    const first = await portal()
    expect(['api1', 'api2']).toContain(first.name)
    const [cookie = '', ...attributes] = String(first.headers['set-cookie']).split('; ')
    expect(cookie).toBe(`SESSION=${first.name}`)
    expect(attributes).not.toContain('Secure')
    expect(names(await several(4, () => portal(cookie)))).toBe(first.name)
    for (const name of ['api1', 'api2']) await say(name, 'sick')
    await until(async () => names(await several(6, () => portal())) === 'sorry web1 web2')
    await say('api2', 'well')
    await until(async () => names(await several(6, () => portal())) === 'api2')
    expect((await portal(cookie)).name).toBe('api2')
    await say('api1', 'well')
  })

  test('a primary that is gone takes its clients along: nobody else is one', async () => {
    await world.inside('db1', ['sh', '-c', 'kill -9 $(head -1 /var/lib/db/postmaster.pid)'])
    await until(async () => !(await servers()).some((each) => each.backend === 'database' && each.up))
    const ran = await world.inside('web1', ['psql', '-h', balancer(), '-U', 'postgres', '-Atc', 'select 1'])
    expect(ran.exit).not.toBe(0)
  })
})

type Answer = {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly name: string | undefined
  readonly port: number | undefined
  /** Headers of the request as the server saw them. */
  readonly seen: Readonly<Record<string, string>>
}

/** A client outside, or at a place. Without a certificate to trust, any is. */
async function get(
  url: string,
  options: readonly string[] = [],
  ca?: string,
  place: string = outside.place,
): Promise<Answer> {
  const host = new URL(url).hostname
  const trust = ca === undefined ? ['-k'] : ['--cacert', ca]
  const way =
    place === outside.place
      ? [
          '--interface',
          outside.customer,
          ...['80', '443'].flatMap((port) => ['--resolve', `${host}:${port}:${outside.firewall}`]),
        ]
      : []
  const argv = [
    'curl',
    '-s',
    '--max-time',
    '5',
    '-w',
    '\n%{http_code} %{header_json}',
    ...trust,
    ...way,
    ...options,
    url,
  ]
  const ran = await world.inside(place, argv)
  const [body = '', rest = '0'] = ran.stdout.split(/\n(?=\d{3} )/)
  const status = Number(rest.slice(0, 3))
  if (status === 0) return { status, headers: {}, name: undefined, port: undefined, seen: {} }
  const listed = JSON.parse(rest.slice(4)) as Record<string, string[]>
  const headers = Object.fromEntries(Object.entries(listed).map(([key, [value]]) => [key.toLowerCase(), value]))
  const said = body.startsWith('{')
    ? (JSON.parse(body) as { name: string; port: number; headers: Record<string, string> })
    : undefined
  return { status, headers, name: said?.name, port: said?.port, seen: said?.headers ?? {} }
}

const patient = ['--max-time', '20']

/** Lets machines answer those whom they have kept waiting. */
async function letGo(...machines: readonly string[]): Promise<void> {
  for (const name of machines) await say(name, 'go')
}

async function say(machine: string, what: 'sick' | 'well' | 'go'): Promise<void> {
  const port = machine.startsWith('web') ? 80 : 8080
  await world.at(machine, ['curl', '-s', '-X', 'PUT', `http://127.0.0.1:${port}/${what}`])
}

/** Servers of a backend that have a request to answer. */
async function atWork(backend: string): Promise<readonly string[]> {
  return (await servers()).filter((each) => each.backend === backend && each.now > 0).map(({ name }) => name)
}

/** Requests at each server of a backend, and how many wait for one. */
async function queued(backend: string): Promise<readonly number[]> {
  const rows = (await stat()).filter(([name]) => name === backend)
  const of = (name: string) => rows.find((row) => row[1] === name) ?? []
  return [Number(of('api1')[4]), Number(of('api2')[4]), Number(of('BACKEND')[2])]
}

/** What the load balancer thinks of its servers, in its own words. */
async function servers(): Promise<readonly { backend: string; name: string; up: boolean; now: number }[]> {
  return (await stat()).flatMap(([backend = '', name = '', ...rest]) =>
    ['FRONTEND', 'BACKEND', 'svname', ''].includes(name)
      ? []
      : [{ backend, name, up: rest[15]?.startsWith('UP') === true, now: Number(rest[2]) }],
  )
}

/** `show stat` (HAProxy management guide, 9.1): 0 proxy, 1 server, 2 queued, 4 at work, 17 status. */
async function stat(): Promise<readonly (readonly string[])[]> {
  const ask = `socket(S,PF_UNIX,SOCK_STREAM,0);connect(S,sockaddr_un("/run/haproxy-stats.sock")) or die;send(S,"show stat\\n",0);print while <S>`
  const { stdout } = await world.inside('lb', ['perl', '-MSocket', '-e', ask])
  return stdout.split('\n').map((line) => line.split(','))
}

function balancer(): string {
  const leg = world.compiled.instances
    .find(({ name }) => name === 'lb')
    ?.legs.find((each) => each.to === 'segment' && each.segment === 'web')
  return leg?.to === 'segment' ? leg.address : ''
}

function names(answers: readonly Answer[]): string {
  return [...new Set(answers.map(({ name }) => name ?? 'nobody'))].sort().join(' ')
}

async function several<T>(count: number, attempt: () => Promise<T>): Promise<T[]> {
  const found: T[] = []
  for (let index = 0; index < count; index++) found.push(await attempt())
  return found
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 60_000; ; ) {
    if (await holds()) return
    if (Date.now() > end) throw new Error(`not within 40 s: ${holds}; servers: ${JSON.stringify(await servers())}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
