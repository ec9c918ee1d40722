import type { PacketProbe } from '../plan/plan.ts'

/** What an instance heard of its packet; `unable` where it has not the means to send one. */
export type PacketResult = 'open' | 'refused' | 'silent' | 'unreachable' | 'unable'

export type Seen = { readonly probe: PacketProbe; readonly result: PacketResult }

/** Seconds for a packet that should pass: a lost SYN is sent again after one, and a first ARP answer by proxy takes up to 0.8. */
const PASS_S = 4
/** Seconds after which a packet that must not pass has been swallowed. */
const BLOCKED_S = 1.5

/** One command that sends all packets of an instance side by side; a line for each: its number and what was heard. */
export function probeArgv(probes: readonly PacketProbe[]): readonly string[] {
  const words = probes.map(({ kind, address, port, via, expect }) =>
    [kind, address, port ?? '-', via ?? '-', expect === 'blocked' ? BLOCKED_S : PASS_S].join('/'),
  )
  return [
    '/bin/sh',
    '-c',
    'command -v bash >/dev/null || exit 127; exec bash -c "$@"',
    'sh',
    SCRIPT,
    'lifeboat-packets',
    ...words,
  ]
}

/** Guests are whatever the stack's images are: bash and coreutils are all that is asked of them. */
const SCRIPT = `
one() {
  IFS=/ read -r kind address port via limit <<< "$2"
  [ "$via" = - ] || ip route replace "$address/32" via "$via" 2>/dev/null
  case $kind in
  tcp) error=$(timeout "$limit" bash -c "exec 3<>/dev/tcp/$address/$port" 2>&1); code=$? ;;
  dns) error=$(timeout "$limit" bash -c "exec 3<>/dev/udp/$address/$port; printf '\\\\x12\\\\x34\\\\x01\\\\x00\\\\x00\\\\x01\\\\x00\\\\x00\\\\x00\\\\x00\\\\x00\\\\x00\\\\x00\\\\x00\\\\x02\\\\x00\\\\x01' >&3; [ -n \\"\\$(head -c 2 <&3 | od -An -tx1)\\" ]" 2>&1); code=$? ;;
  ping) command -v ping >/dev/null || { echo "$1 unable"; return; }
    error=$(ping -n -c 2 -i 0.2 -W "\${limit%.*}" "$address" 2>&1); code=$?; [ $code = 0 ] || code=124 ;;
  address) error=; case " $(hostname -I 2>/dev/null) " in *" $address "*) code=0 ;; *) code=124 ;; esac ;;
  esac
  [ "$via" = - ] || ip route del "$address/32" via "$via" 2>/dev/null
  case "$code:$error" in
  0:*) echo "$1 open" ;;
  124:*) echo "$1 silent" ;;
  *refused*) echo "$1 refused" ;;
  *unreachable*|*"No route"*|*"not permitted"*|*prohibited*) echo "$1 unreachable" ;;
  *) echo "$1 silent" ;;
  esac
}
number=0
for each in "$@"; do one $number "$each" & number=$((number + 1)); done
wait
`

export function resultsOf(probes: readonly PacketProbe[], exit: number, stdout: string): readonly Seen[] {
  const heard = new Map(stdout.split('\n').map((line) => line.split(' ') as [string, PacketResult]))
  return probes.map((probe, index) => ({
    probe,
    result: exit === 0 ? (heard.get(String(index)) ?? 'unable') : 'unable',
  }))
}

/** Whether a packet behaved as it has to. A refusal is an answer: the packet was let through to whoever refused it. */
export function judge({ probe, result }: Seen): 'held' | 'broken' | 'no evidence' {
  if (result === 'unable') return 'no evidence'
  switch (probe.expect) {
    case 'open':
      return result === 'open' ? 'held' : 'broken'
    case 'answered':
      return result === 'open' || result === 'refused' ? 'held' : 'broken'
    case 'refused':
      return result === 'refused' ? 'held' : result === 'open' ? 'broken' : 'no evidence'
    case 'blocked':
      return result === 'open' || result === 'refused' ? 'broken' : 'held'
  }
}
