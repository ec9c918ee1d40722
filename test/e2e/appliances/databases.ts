import type { World } from './world.ts'

/**
 * db1 and db2 with real servers from the image of the lab's nodes: db1 is the primary PostgreSQL and Redis, and the only
 * MariaDB and OpenLDAP; db2 has a standby, a replica, and where db1 is alone something that takes connections and says
 * nothing, which only a check that speaks the protocol can tell.
 */
export async function startDatabases(world: World): Promise<void> {
  await Promise.all([
    ...['db1', 'db2'].map((place) => postgresql(world, place)),
    redis(world),
    mariadb(world),
    slapd(world),
  ])
  for (const port of ['3306', '389']) await world.serve('db2', ['nc', '-lk', '-p', port], true)
}

async function must(world: World, place: string, script: string): Promise<void> {
  const ran = await world.inside(place, ['sh', '-euc', script])
  if (ran.exit !== 0) throw new Error(`${place}: ${script}: ${ran.stderr}${ran.stdout}`)
}

const PROGRAMS = '/usr/local/lib/postgresql'
const AS_POSTGRES = 'setpriv --reuid=postgres --regid=postgres --init-groups'

/** The standby is a copy that asks nobody for more. Both let in whom a stack's database has to let in. */
async function postgresql(world: World, place: string): Promise<void> {
  await must(
    world,
    place,
    `cp -a /usr/share/lifeboat/postgresql /var/lib/db
    install -d -o postgres -g postgres /run/postgresql
    echo 'create role lifeboat_check login' | ${AS_POSTGRES} ${PROGRAMS}/postgres --single -D /var/lib/db postgres >/dev/null
    echo 'host all all 0.0.0.0/0 trust' >>/var/lib/db/pg_hba.conf
    ${place === 'db2' ? 'touch /var/lib/db/standby.signal' : ''}`,
  )
  const argv = [
    ...AS_POSTGRES.split(' '),
    `${PROGRAMS}/postgres`,
    '-D',
    '/var/lib/db',
    '-c',
    'listen_addresses=*',
    '-c',
    'fsync=off',
  ]
  await world.serve(place, argv, true)
}

async function redis(world: World): Promise<void> {
  const common = ['redis-server', '--port', '6379', '--protected-mode', 'no', '--save', '', '--dir', '/run']
  await world.serve('db1', common, true)
  await world.serve('db2', [...common, '--replicaof', '192.0.2.1', '6379'], true)
}

/** As mariadb-install-db does it, which is in the image without what it needs. One statement a line. */
async function mariadb(world: World): Promise<void> {
  await must(
    world,
    'db1',
    `mkdir -p /var/lib/orders/mysql; cd /usr/share/mysql
    printf '%s\\n' 'use mysql;' 'set @auth_root_socket=NULL;' 'set @skip_auth_anonymous=1;' >/run/orders.sql
    cat mysql_system_tables.sql mysql_performance_tables.sql mysql_system_tables_data.sql >>/run/orders.sql
    mariadbd ${MARIADB.join(' ')} --bootstrap </run/orders.sql >/run/orders.log 2>&1
    echo "create user lifeboat_check@'%';" >/run/user.sql`,
  )
  await world.serve('db1', ['mariadbd', ...MARIADB, '--bind-address=0.0.0.0', '--init-file=/run/user.sql'], true)
}

const MARIADB = [
  ...['--no-defaults', '--user=root', '--datadir=/var/lib/orders', '--socket=/run/orders.sock'],
  ...['--innodb-log-file-size=8M', '--innodb-buffer-pool-size=16M', '--innodb-flush-log-at-trx-commit=0'],
]

async function slapd(world: World): Promise<void> {
  const lines = [
    'include /etc/ldap/schema/core.schema',
    'modulepath /usr/lib/ldap',
    'moduleload back_ldif',
    'database ldif',
  ]
  await world.write(
    'db1',
    '/etc/ldap/world.conf',
    `${[...lines, 'suffix "dc=example"', 'directory /run'].join('\n')}\n`,
  )
  await world.serve('db1', ['slapd', '-f', '/etc/ldap/world.conf', '-h', 'ldap:///', '-d', '0'], true)
}
