import { dirname, join } from 'node:path'

/** How one root filesystem comes to be: packages on top of the base, then files, then a script run in it. */
export type Recipe = {
  readonly name: string
  /** `directory`: used where it lies. `incus`: two files to import. */
  readonly form: 'directory' | 'incus'
  readonly packages: readonly string[]
  /** Answers for debconf, as debconf-set-selections(1) reads them. */
  readonly debconf: readonly string[]
  /** One after the other: each may hold `files/` (copied over the root) and `setup` (run in the root afterwards). */
  readonly folders: readonly string[]
  /** A program of ours, bundled into one file in the root together with the Node that runs the build. */
  readonly bundle: { readonly entry: string; readonly target: string } | undefined
  /** Built and brought to the sites only where this example is asked for. */
  readonly example?: 'wiki'
}

const root = join(import.meta.dirname, '../..')
const shop = join(root, 'examples/shop')
const wiki = join(root, 'examples/wiki')

/** What MediaWiki needs of its distribution; a web server that is none of these would be Apache. */
const mediawiki = [
  ...['mediawiki', 'nginx-light', 'php-fpm', 'php-cli', 'php-mysql', 'php-intl', 'php-mbstring', 'php-xml'],
  ...['php-apcu'],
]

/** What every image has. Node's own needs (libstdc++, libatomic) come with the image that carries it. */
export const base = {
  packages: ['systemd', 'systemd-sysv', 'udev', 'iproute2', 'procps', 'iputils-ping', 'ca-certificates', 'curl'],
  folder: join(import.meta.dirname, 'base'),
} as const

export const recipes: readonly Recipe[] = [
  {
    name: 'lab-node',
    form: 'directory',
    packages: [
      ...['bind9', 'bind9-dnsutils', 'slapd', 'ldap-utils', 'postgresql', 'postgresql-client', 'dnsmasq-base'],
      ...['nftables', 'tcpdump', 'openssl', 'netcat-openbsd', 'frr'],
      // What load balancers look after, and what measures them.
      ...['redis-server', 'mariadb-server-core', 'iperf3'],
    ],
    debconf: ['slapd slapd/no_configuration boolean true'],
    folders: [join(import.meta.dirname, 'lab-node')],
    bundle: undefined,
  },
  {
    name: 'shop-db',
    form: 'incus',
    packages: ['postgresql'],
    debconf: [],
    folders: [join(shop, 'images/common'), join(shop, 'images/db')],
    bundle: undefined,
  },
  {
    name: 'lifeboat-appliance',
    form: 'incus',
    packages: ['nftables', 'haproxy', 'dnsmasq-base', 'tcpdump', 'conntrack', 'ulogd2', 'frr'],
    debconf: [],
    folders: [join(root, 'appliance')],
    bundle: undefined,
  },
  {
    name: 'shop-app',
    form: 'incus',
    packages: ['libstdc++6', 'libatomic1'],
    debconf: [],
    folders: [join(shop, 'images/common'), join(shop, 'images/app')],
    bundle: { entry: join(shop, 'app/main.ts'), target: '/opt/shop/app.mjs' },
  },
  {
    name: 'shop-web',
    form: 'incus',
    packages: ['nginx'],
    debconf: [],
    folders: [join(shop, 'images/common'), join(shop, 'images/web')],
    bundle: undefined,
  },
  {
    name: 'wiki-web',
    form: 'incus',
    packages: [...mediawiki, 'memcached'],
    debconf: [],
    folders: [join(shop, 'images/common'), join(wiki, 'images/web')],
    bundle: undefined,
    example: 'wiki',
  },
  {
    name: 'wiki-db',
    form: 'incus',
    packages: [...mediawiki, 'mariadb-server'],
    debconf: [],
    folders: [join(shop, 'images/common'), join(wiki, 'images/db')],
    bundle: undefined,
    example: 'wiki',
  },
]

/** Folder of a bundle's sources: part of what the digest covers. */
export function sourcesOf(recipe: Recipe): string | undefined {
  return recipe.bundle === undefined ? undefined : dirname(recipe.bundle.entry)
}
