import type { CompiledAppliance } from '../compile/compiled.ts'
import type { Engine } from '../engine/contract.ts'
import { EngineError } from '../engine/error.ts'
import { appliancesOf } from '../operations/launch.ts'
import { stackArea } from '../operations/naming.ts'
import type { SiteView, Situation } from '../operations/situation.ts'
import { type InspectedFile, type Inspection, manifestPath } from '../state/inspection.ts'
import type { InstanceRef } from '../state/objects.ts'

/** The same situation with what the running appliances of launched stacks have, at every site that answers. */
export async function lookInside(engineOf: (site: string) => Engine, situation: Situation): Promise<Situation> {
  const sites = situation.sites.map(async (view): Promise<SiteView> => {
    if (view.answer === undefined) return view
    const area = stackArea(situation.stack.name)
    const live = view.answer.observed.areas.find((each) => each.area.kind === 'stack')?.instances ?? []
    const running = appliancesOf(view).filter((appliance) =>
      live.some((each) => each.object.name === appliance.name && each.power === 'running'),
    )
    const found = running.map(async (appliance) => {
      const inspected = await inspect(engineOf(view.site.name), { area, name: appliance.name }, appliance)
      return [appliance.name, inspected] as const
    })
    const inspected = Object.fromEntries((await Promise.all(found)).filter(([, each]) => each !== undefined))
    return { ...view, answer: { ...view.answer, inspected: inspected as Readonly<Record<string, Inspection>> } }
  })
  return { ...situation, sites: await Promise.all(sites) }
}

/** Reads what a running appliance has: its files, what its kernel and its programs have of them; undefined where it does not tell. */
async function inspect(
  engine: Engine,
  ref: InstanceRef,
  appliance: CompiledAppliance,
): Promise<Inspection | undefined> {
  const secrets = appliance.secrets.map(({ path }) => path)
  const argv = ['/bin/sh', '-c', LOOK, 'lifeboat-look', ...appliance.files.map(({ path }) => path), '--', ...secrets]
  try {
    const { exit, stdout } = await engine.exec(ref, argv, 20)
    return exit === 0 ? inspectionOf(stdout) : undefined
  } catch (error) {
    if (error instanceof EngineError) return undefined
    throw error
  }
}

/** Digests for the file at `manifestPath`. */
export function manifestOf(
  digest: string,
  files: readonly { readonly path: string; readonly sha256: string }[],
): string {
  const lines = [...files].sort((a, b) => (a.path < b.path ? -1 : 1)).map((file) => `${file.sha256}  ${file.path}`)
  return `${[`# what Lifeboat wrote; ${digest}`, ...lines].join('\n')}\n`
}

/**
 * One line each: KIND and words; texts are in base64. The rules of the file are loaded in a network namespace that is
 * gone again at once: only the kernel can say them in the words in which it tells what is loaded.
 */
const LOOK = `
coded() { base64 -w0; echo; }
certificate() {
  grep -q -e '-----BEGIN CERTIFICATE-----' "$1" || return 0
  printf 'certificate %s ' "$1"
  sed -n '/-----BEGIN CERTIFICATE-----/,/-----END CERTIFICATE-----/p;/-----END CERTIFICATE-----/q' "$1" | coded
}
manifest=${manifestPath}
secrets=' '; paths=
while [ $# -gt 0 ]; do
  if [ "$1" = -- ]; then shift; secrets=" $* "; paths="$paths $*"; break; fi
  paths="$paths $1"; shift
done
if [ -e $manifest ]; then
  printf 'written '; coded <$manifest
  paths="$paths $(sed -n 's/^[0-9a-f]*  //p' $manifest)"
fi
for path in $(printf '%s\\n' $paths /etc/systemd/network/* | sort -u); do
  [ -f "$path" ] || continue
  sum=$(sha256sum <"$path")
  echo "file \${sum%% *} $(stat -c %Z "$path") $path"
  case "$path" in /etc/lifeboat/secrets/*) certificate "$path" ;; esac
  case "$path $secrets" in /etc/lifeboat/secrets/*) continue ;; "$path "*" $path "*) continue ;; esac
  printf 'text %s ' "$path"; coded <"$path"
done
if [ -e /etc/nftables.conf ]; then
  printf 'loaded '; nft -s list ruleset | coded
  printf 'meant '; unshare -n sh -c 'nft -f /etc/nftables.conf && nft -s list ruleset' 2>/dev/null | coded
fi
for program in haproxy dnsmasq; do
  pid=$(pgrep -n -x $program) || continue
  echo "began $program $(($(date +%s) - $(ps -o etimes= -p "$pid")))"
done
if [ -S /run/haproxy-stats.sock ]; then
  printf 'servers '
  perl -e 'use IO::Socket::UNIX; my $s = IO::Socket::UNIX->new(Peer => "/run/haproxy-stats.sock") or exit;
    print $s "show servers state\\n"; print while <$s>;' | coded
fi
exit 0
`

function inspectionOf(stdout: string): Inspection {
  const files: Record<string, InspectedFile> = {}
  const began_s: Record<string, number> = {}
  const certificates: Record<string, string> = {}
  const texts = new Map<string, string>()
  for (const line of stdout.split('\n')) {
    const [kind = '', first = '', second = '', third = ''] = line.split(' ')
    if (kind === 'file') files[third] = { sha256: first, changed_s: Number(second) }
    else if (kind === 'text') files[first] = { ...(files[first] as InspectedFile), text: decoded(second) }
    else if (kind === 'certificate') certificates[first] = decoded(second)
    else if (kind === 'began') began_s[first] = Number(second)
    else if (kind !== '') texts.set(kind, decoded(first))
  }
  const [written, loaded, meant] = [texts.get('written'), texts.get('loaded'), texts.get('meant')]
  return {
    written: written === undefined ? undefined : digestsIn(written),
    files,
    ruleset: loaded === undefined || meant === undefined ? undefined : { loaded, meant },
    began_s,
    certificates,
    servers: texts.get('servers'),
  }
}

function digestsIn(manifest: string): Readonly<Record<string, string>> {
  const lines = manifest.split('\n').flatMap((line) => {
    const [, sha256, path] = /^([0-9a-f]{64}) {2}(\/.+)$/.exec(line) ?? []
    return sha256 === undefined || path === undefined ? [] : [[path, sha256] as const]
  })
  return Object.fromEntries(lines)
}

const decoded = (text: string): string => Buffer.from(text, 'base64').toString()
