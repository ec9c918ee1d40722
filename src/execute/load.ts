import type { ConfigFile, SecretFile } from '../compile/compiled.ts'
import type { Engine, PutFile } from '../engine/contract.ts'
import { sha256 } from '../lib/digest.ts'
import type { LoadUnit, SecretsFrom } from '../plan/plan.ts'
import { manifestPath } from '../state/inspection.ts'
import type { InstanceRef } from '../state/objects.ts'
import { Unmet } from './failure.ts'
import { manifestOf } from './look.ts'
import type { World } from './world.ts'

/** Files, secrets and the record of both, as they go into an appliance. */
export async function contentOf(
  world: World,
  wanted: {
    readonly files: readonly ConfigFile[]
    readonly secrets: readonly SecretFile[]
    readonly secrets_from: SecretsFrom
    readonly digest: string
  },
  site: string,
): Promise<readonly PutFile[]> {
  const secrets = await world.secrets(wanted.secrets, wanted.secrets_from, site)
  const files = [
    ...wanted.files.map((file) => ({ path: file.path, content: file.text, mode: 0o644 })),
    ...secrets.map((secret) => ({ ...secret, mode: 0o600 })),
  ]
  const digests = files.map(({ path, content }) => ({ path, sha256: sha256(content) }))
  return [...files, { path: manifestPath, content: manifestOf(wanted.digest, digests), mode: 0o644 }]
}

/** Where new files wait until all of them are there. */
const NEXT = '/etc/lifeboat/next'

/** New files take effect in a running appliance at once, or not at all; what they replace is kept in it for `loadBack`. */
export async function load(
  engine: Engine,
  ref: InstanceRef,
  content: readonly PutFile[],
  change: { readonly units: readonly LoadUnit[]; readonly gone: readonly string[]; readonly digest: string },
): Promise<void> {
  await engine.put(
    ref,
    content.map((file) => ({ ...file, path: `${NEXT}/root${file.path}` })),
  )
  await tool(engine, ref, ['apply', change.digest, ...change.units, '--', ...change.gone])
  await engine.setDigest(ref, change.digest)
}

/** Puts back what `load` of that digest replaced; nothing where it replaced nothing. */
export async function loadBack(
  engine: Engine,
  ref: InstanceRef,
  change: { readonly units: readonly LoadUnit[]; readonly digest: string; readonly before: string },
): Promise<void> {
  await tool(engine, ref, ['back', change.digest, ...change.units, '--'])
  await engine.setDigest(ref, change.before)
}

async function tool(engine: Engine, ref: InstanceRef, words: readonly string[]): Promise<void> {
  const { exit, stdout, stderr } = await engine.exec(ref, ['/bin/sh', '-c', LOAD, 'lifeboat-load', ...words], 60)
  if (exit !== 0) throw new Unmet(`${ref.name} did not take its new configuration`, `${stdout}${stderr}`.trim())
}

/**
 * `apply DIGEST UNIT... -- GONE...` and `back DIGEST UNIT... --`.
 *
 * All is tried by its own program before anything is loaded. Rules go into the kernel in one transaction. HAProxy's new
 * worker takes over the listening sockets and what the old one knows of the servers (without what was set by hand); the
 * old one serves the connections that it has to their end. dnsmasq reads its file only when it starts.
 */
const LOAD = `
set -eu
umask 077
verb=$1 digest=$2; shift 2
units=
while [ $# -gt 0 ] && [ "$1" != -- ]; do units="$units $1"; shift; done
[ $# -eq 0 ] || shift
next=${NEXT} before=/etc/lifeboat/before

files() { (cd "$1/root" && find . -type f | sed 's,^\\./,,'); }
place() {
  files "$1" | while read -r path; do
    if cmp -s "$1/root/$path" "/$path"; then continue; fi
    mkdir -p "$(dirname "/$path")"
    cp -p "$1/root/$path" "/$path.lifeboat"
    mv "/$path.lifeboat" "/$path"
  done
}
keep() {
  [ "$(cat $before/for 2>/dev/null || :)" != "$digest" ] || return 0
  rm -rf $before.new; mkdir -p $before.new/root; : >$before.new/absent
  { files $next; for path in "$@"; do echo "\${path#/}"; done; } | while read -r path; do
    if [ -e "/$path" ]; then
      mkdir -p "$(dirname "$before.new/root/$path")"; cp -p "/$path" "$before.new/root/$path"
    else echo "$path" >>$before.new/absent; fi
  done
  echo "$digest" >$before.new/for
  rm -rf $before; mv $before.new $before
}
restore() {
  place $before
  while read -r path; do rm -f "/$path"; done <$before/absent
}
is_good() {
  for unit in $units; do
    case $unit in
    nft) nft -c -f /etc/nftables.conf ;;
    haproxy) haproxy -c -f /etc/haproxy/haproxy.cfg ;;
    dnsmasq) dnsmasq --test --conf-file=/etc/dnsmasq.conf ;;
    esac || return 1
  done
}
load() {
  for unit in $units; do
    case $unit in
    nft) nft -f /etc/nftables.conf ;;
    haproxy) reload_haproxy ;;
    dnsmasq) systemctl restart dnsmasq ;;
    esac || return 1
  done
}
ask_haproxy() {
  perl -e 'use IO::Socket::UNIX; my $s = IO::Socket::UNIX->new(Peer => "/run/haproxy-stats.sock") or exit 1;
    print $s "$ARGV[0]\\n"; print while <$s>;' "$1"
}
worker() { ask_haproxy 'show info' | sed -n 's/^Pid: //p'; }
reload_haproxy() {
  if ! systemctl is-active -q haproxy; then systemctl restart haproxy; return; fi
  old=$(worker || :)
  # Columns: 7 what was set by hand, 8 its weight now, 9 its weight in the file.
  ask_haproxy 'show servers state' | awk '/^[0-9]+ /{ $7 = 0; $8 = $9 } { print }' >/run/haproxy-servers || :
  systemctl reload haproxy || return 1
  for try in $(seq 100); do
    new=$(worker || :)
    [ -z "$new" ] || [ "$new" = "$old" ] || return 0
    sleep 0.1
  done
  echo "no new worker of HAProxy within 10 s"
  return 1
}

case $verb in
apply)
  keep "$@"
  place $next
  for path in "$@"; do rm -f "$path"; done
  if ! is_good; then restore; rm -rf $next; exit 1; fi
  if ! load; then restore; rm -rf $next; load; exit 1; fi
  rm -rf $next
  ;;
back)
  case $digest in
  "$(cat $before/for 2>/dev/null || :)") mv $before/for $before/undone ;;
  "$(cat $before/undone 2>/dev/null || :)") ;;
  *) exit 0 ;;
  esac
  restore
  load
  ;;
esac
`
