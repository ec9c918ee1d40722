import { writeFile } from 'node:fs/promises'
import { stringify } from 'yaml'
import { enter } from './node.ts'
import { labPaths, netnsOf } from './paths.ts'
import type { ProcessId } from './processes.ts'
import { type NodeName, siteNames, topology } from './topology.ts'

/** What the client trusts beside its distribution's CAs: a path in its root file system. See `trust` in lab.ts. */
export const clientsCa = '/etc/lifeboat-lab/ca.crt'

/** Writes the site file of the lab: all that Lifeboat is told about this world. */
export async function writeSitesFile(nodes: Readonly<Record<NodeName, ProcessId>>): Promise<void> {
  const { bgp } = topology
  const dns = {
    server: topology.dns.server,
    zone: topology.dns.zone,
    key: { name: topology.dns.key, algorithm: 'hmac-sha256', file: 'pki/tsig.key' },
  }
  const sites = Object.fromEntries(
    siteNames.map((site) => {
      const { management, wan, ldap, billing, outside, outside6 } = topology.sites[site]
      return [
        site,
        {
          incus: {
            url: `https://${management}:8443`,
            'client-certificate': 'pki/client.crt',
            'client-key': 'pki/client.key',
            'server-certificate': `pki/${site}.crt`,
          },
          'replication-url': `https://${wan}:8443`,
          pool: 'default',
          outside: { bridge: 'outside', ipv6: true },
          'services-network': { bridge: 'services' },
          services: { ldap, billing },
          dns,
          bgp: {
            as: bgp.as,
            'local-as': bgp.stacks_as,
            'route-servers': bgp.route_servers,
            hops: 2,
            password: { file: 'pki/bgp.key' },
            firewalls: [outside, outside6],
            announce: bgp.announce,
            'max-length': bgp.max_length,
            'max-length-ipv6': bgp.max_length6,
            'looking-glasses': [1, 2].map((number) => ({ run: enter(nodes[`${site}-rs${number as 1 | 2}`]) })),
          },
        },
      ]
    }),
  )
  const file = {
    'lifeboat-sites': 1,
    management: { netns: netnsOf('ops') },
    state: 'state',
    sites,
    clients: { client: { run: enter(nodes.client), resolver: topology.dns.resolver, ipv6: true, ca: clientsCa } },
  }
  await writeFile(labPaths.sites, stringify(file, { aliasDuplicateObjects: false }), { mode: 0o600 })
}
