import { createHash, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { settings } from '../examples/shop/app/settings.ts'
import { ensureRouting } from './bgp.ts'
import { daemonsOf, inNode, putFile, startDaemon } from './node.ts'
import { labPaths } from './paths.ts'
import type { ProcessId } from './processes.ts'
import { LabError, until } from './run.ts'
import { type Dhcp, type NodeName, topology } from './topology.ts'

const ready_limit_ms = 60_000

/** Starts what a node is there for, unless it runs, and waits until it answers. */
export async function ensureService(node: NodeName, init: ProcessId): Promise<void> {
  // One that was stopped by a signal runs, and answers nobody.
  signalService(init, 'SIGCONT')
  const dhcp = topology.dhcp.find((entry) => entry.node === node)
  if (dhcp !== undefined) await ensureDhcp(node, init, dhcp)
  if (node === 'internet' || /-(edge|rs\d)$/.test(node)) return ensureRouting(node, init)
  if (node === 'dns') return ensureDns(init)
  if (node === 'resolver') return ensureResolver(init)
  if (node.endsWith('-ldap')) return ensureLdap(node, init)
  if (node.endsWith('-billing')) return ensureBilling(node, init)
}

/** What a node is there for; nothing for a router or a site. */
const programs = ['dnsmasq', 'named', 'slapd', 'postgres'] as const

/** Sends a signal to the daemons of a node. */
export function signalService(init: ProcessId, signal: NodeJS.Signals): void {
  for (const { pid } of programs.flatMap((each) => daemonsOf(init, each))) process.kill(pid, signal)
}

/** Ends the daemons of a node, as a crash would, and waits until they are gone. */
export async function killService(node: NodeName, init: ProcessId): Promise<void> {
  signalService(init, 'SIGKILL')
  const gone = async () => (programs.some((each) => running(init, each)) ? undefined : true)
  await until(`the daemons of node ${node} end`, ready_limit_ms, gone, 10)
}

async function ensureDhcp(node: NodeName, init: ProcessId, dhcp: Dhcp): Promise<void> {
  if (running(init, 'dnsmasq')) return
  const option = (code: number, value?: string): string =>
    `--dhcp-option=${code}${value === undefined ? '' : `,${value}`}`
  await startDaemon(node, init, [
    ...['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--port=0', '--user=root', '--log-facility=-'],
    ...[`--interface=${dhcp.interface}`, '--bind-interfaces', '--dhcp-authoritative', '--no-ping', '--log-dhcp'],
    `--dhcp-range=${dhcp.from},${dhcp.to},${dhcp.mask},1h`,
    '--dhcp-leasefile=/run/dnsmasq.leases',
    // Options 3 and 6: router and name server. Without a value the client is told of none.
    option(3, dhcp.router),
    option(6, dhcp.dns),
    ...(dhcp.advertises === undefined ? [] : ['--enable-ra', `--dhcp-range=${dhcp.advertises},ra-only,64`]),
    // Without a router for IPv4 there is none for IPv6 either.
    ...(dhcp.advertises === undefined || dhcp.router !== undefined ? [] : [`--ra-param=${dhcp.interface},0,0`]),
  ])
  await ready(node, init, 'dnsmasq', ['grep', '-q', ':0043 ', '/proc/net/udp'])
}

async function ensureDns(init: ProcessId): Promise<void> {
  if (running(init, 'named')) return
  const { zone, server, key, ttl_s } = topology.dns
  const secret = (await readFile(join(labPaths.pki, 'tsig.key'), 'utf8')).trim()
  await putFile(init, '/etc/bind/lab.key', `key "${key}" { algorithm hmac-sha256; secret "${secret}"; };\n`, 0o600)
  await putFile(
    init,
    '/etc/bind/lab.conf',
    `include "/etc/bind/lab.key";
options {
  directory "/var/cache/bind"; pid-file none; session-keyfile none;
  listen-on { any; }; listen-on-v6 { none; };
  recursion no; notify no; dnssec-validation no; minimal-responses yes;
  allow-transfer { key "${key}"; };
};
controls { };
zone "${zone}" { type primary; file "/var/lib/bind/${zone}.zone"; allow-update { key "${key}"; }; };
`,
  )
  // Every record but these two is made by update.
  await putFile(
    init,
    `/var/lib/bind/${zone}.zone`,
    `$TTL ${ttl_s}
@ IN SOA dns.${zone}. hostmaster.${zone}. 1 3600 600 86400 ${ttl_s}
@ IN NS dns.${zone}.
dns IN A ${server}
`,
  )
  await startDaemon('dns', init, ['named', '-4', '-g', '-n', '1', '-c', '/etc/bind/lab.conf'])
  await ready('dns', init, 'named', [
    'sh',
    '-c',
    `dig +short +tries=1 +time=1 @${server} ${zone} SOA | grep -q hostmaster`,
  ])
}

async function ensureResolver(init: ProcessId): Promise<void> {
  if (running(init, 'named')) return
  const { zone, server, resolver, ttl_s } = topology.dns
  await putFile(
    init,
    '/etc/bind/lab.conf',
    `options {
  directory "/var/cache/bind"; pid-file none; session-keyfile none;
  listen-on { any; }; listen-on-v6 { none; };
  recursion yes; allow-recursion { any; }; allow-query-cache { any; }; dnssec-validation no; qname-minimization off;
  max-ncache-ttl ${ttl_s};
};
controls { };
zone "${zone}" { type static-stub; server-addresses { ${server}; }; };
// There is no other name in this world, and asking for one is to be answered at once.
zone "." { type primary; file "/etc/bind/lab.root"; };
`,
  )
  await putFile(
    init,
    '/etc/bind/lab.root',
    `$TTL ${ttl_s}
@ IN SOA . . 1 3600 600 86400 ${ttl_s}
@ IN NS resolver.
resolver IN A ${resolver}
`,
  )
  await startDaemon('resolver', init, ['named', '-4', '-g', '-n', '1', '-c', '/etc/bind/lab.conf'])
  await ready('resolver', init, 'named', [
    'sh',
    '-c',
    `dig +short +tries=1 +time=2 @${resolver} dns.${zone} A | grep -q ${server}`,
  ])
}

async function ensureLdap(node: NodeName, init: ProcessId): Promise<void> {
  if (running(init, 'slapd')) return
  await putFile(
    init,
    '/etc/ldap/lab.conf',
    `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
maxsize 16777216
suffix "dc=example,dc=com"
directory /var/lib/lab-ldap
index objectClass,uid eq
access to attrs=userPassword by anonymous auth by * none
access to * by * read
`,
  )
  const people = topology.people.map(
    ({ uid, name, password }) => `
dn: uid=${uid},ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: ${uid}
cn: ${name}
sn: ${name.split(' ').at(-1)}
mail: ${uid}@example.com
userPassword: ${ssha(password)}
`,
  )
  await putFile(
    init,
    '/etc/ldap/lab.ldif',
    `dn: dc=example,dc=com
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: ou=people,dc=example,dc=com
objectClass: organizationalUnit
ou: people
${people.join('')}`,
    0o600,
  )
  await must(node, init, [
    'sh',
    '-c',
    'rm -rf /var/lib/lab-ldap && mkdir /var/lib/lab-ldap && slapadd -q -f /etc/ldap/lab.conf -l /etc/ldap/lab.ldif',
  ])
  await startDaemon(node, init, ['slapd', '-f', '/etc/ldap/lab.conf', '-h', 'ldap:///', '-d', '0'])
  await ready(node, init, 'slapd', [
    'sh',
    '-c',
    'ldapsearch -x -LLL -H ldap://127.0.0.1 -b dc=example,dc=com uid=alice cn | grep -q Alice',
  ])
}

async function ensureBilling(node: NodeName, init: ProcessId): Promise<void> {
  if (running(init, 'postgres')) return
  const data = '/usr/share/lifeboat/postgresql'
  const { database, user, password } = settings.billing
  await putFile(
    init,
    '/etc/lab-billing/pg_hba.conf',
    `local all postgres trust
host ${database} ${user} samenet scram-sha-256
`,
  )
  await must(node, init, ['install', '-d', '-o', 'postgres', '-g', 'postgres', '/run/postgresql'])
  await startDaemon(node, init, [
    ...[
      'setpriv',
      '--reuid=postgres',
      '--regid=postgres',
      '--init-groups',
      '/usr/local/lib/postgresql/postgres',
      '-D',
      data,
    ],
    ...[
      '-c',
      'listen_addresses=*',
      '-c',
      'unix_socket_directories=/run/postgresql',
      '-c',
      'hba_file=/etc/lab-billing/pg_hba.conf',
    ],
  ])
  const psql = ['psql', '-h', '/run/postgresql', '-U', 'postgres', '-v', 'ON_ERROR_STOP=1', '-q', '-A', '-t']
  await ready(node, init, 'postgres', [...psql, '-c', 'SELECT 1'])
  const exists = await must(node, init, [...psql, '-c', `SELECT 1 FROM pg_database WHERE datname = '${database}'`])
  if (exists.trim() === '1') return
  await must(
    node,
    init,
    psql,
    `CREATE ROLE ${user} LOGIN PASSWORD '${password}';
CREATE DATABASE ${database} OWNER ${user};
\\connect ${database}
SET ROLE ${user};
CREATE TABLE charges (
  id bigserial PRIMARY KEY,
  ref text NOT NULL UNIQUE,
  customer text NOT NULL,
  amount_cents integer NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);
`,
  )
}

function running(init: ProcessId, comm: string): boolean {
  return daemonsOf(init, comm).length > 0
}

async function ready(node: NodeName, init: ProcessId, what: string, probe: readonly string[]): Promise<void> {
  await until(`${what} in node ${node} answers (its log is in ${labPaths.logs})`, ready_limit_ms, async () => {
    const ran = await inNode(init, probe, { limit_ms: 15_000 })
    if (ran.exit !== 0) throw new LabError((ran.stderr || ran.stdout).trim() || `exit ${ran.exit}`)
    return true
  })
}

async function must(node: NodeName, init: ProcessId, argv: readonly string[], input = ''): Promise<string> {
  const ran = await inNode(init, argv, { input })
  if (ran.exit !== 0)
    throw new LabError(`${argv[0]} in node ${node} ended with ${ran.exit}: ${(ran.stderr || ran.stdout).trim()}`)
  return ran.stdout
}

/** Salted SHA-1, the scheme that slapd has without a module (RFC 2307 with OpenLDAP's salt). */
function ssha(password: string): string {
  const salt = randomBytes(8)
  const digest = createHash('sha1').update(password).update(salt).digest()
  return `{SSHA}${Buffer.concat([digest, salt]).toString('base64')}`
}
