import type { PacketProbe, Witness } from '../plan/plan.ts'

/**
 * What an instance heard of its packet; `unable` where it has not the means to send one. Of a datagram that nobody answered,
 * what its witness says: it `arrived`, or it was `lost` on the way.
 */
export type PacketResult = 'open' | 'refused' | 'silent' | 'unreachable' | 'unable' | 'arrived' | 'lost'

export type Seen = {
  readonly probe: PacketProbe
  readonly result: PacketResult
  /** From the sending to the answer, as the sender's clock has it; undefined where it cannot tell. */
  readonly took_ms?: number
}

/** Seconds for a packet that should pass: a lost SYN is sent again after one, and a first ARP answer by proxy takes up to 0.8. */
const PASS_S = 4
/** Seconds after which a packet that must not pass has been swallowed. */
const BLOCKED_S = 1.5

/** Seconds for the answer to a datagram; what is not answered is asked of its witness. */
const DATAGRAM_S = 2

/**
 * One command that sends all packets of an instance side by side; a line for each: its number, what was heard, and after how
 * many microseconds. `patience` waits so many times as long as usual.
 */
export function probeArgv(probes: readonly PacketProbe[], patience = 1): readonly string[] {
  const words = probes.map(({ kind, address, port, via, expect }) =>
    [kind, address, port ?? '-', via ?? '-', limitOf(kind, expect) * patience].join('/'),
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

function limitOf(kind: PacketProbe['kind'], expect: PacketProbe['expect']): number {
  if (expect === 'blocked') return BLOCKED_S
  return kind === 'udp' ? DATAGRAM_S : PASS_S
}

/** Longer than this no packet of a round is waited for, whatever the patience. */
export const roundWithin_s = (patience: number): number => 30 + 2 * PASS_S * patience

/**
 * What a second round has to send again, and how patiently; undefined where the first has said all. A site with much to do
 * answers late: what should have passed and was not heard is sent once more before it is called broken, and silence proves
 * that a packet was stopped only where it lasted three times as long as the slowest packet that passed.
 */
export function again(
  seen: readonly Seen[],
): { readonly probes: readonly PacketProbe[]; readonly patience: number } | undefined {
  // A ping waits for its second packet, and an instance looks at its addresses: what these take is no packet's time.
  const passed = seen.flatMap(({ probe, result, took_ms }) =>
    result === 'open' && !['ping', 'address'].includes(probe.kind) ? [took_ms ?? 0] : [],
  )
  const needed_s = (SURE * Math.max(0, ...passed)) / 1000
  const probes = seen
    .filter(({ probe, result }) => {
      if (probe.witness !== undefined) return false
      if (probe.expect === 'blocked') return result === 'silent' && needed_s > BLOCKED_S
      return result === 'silent'
    })
    .map(({ probe }) => probe)
  if (probes.length === 0) return undefined
  return { probes, patience: Math.min(MOST_PATIENCE, Math.max(PATIENCE, Math.ceil(needed_s / BLOCKED_S))) }
}

const SURE = 3
const PATIENCE = 4
const MOST_PATIENCE = 8

/** A question that an NTP server answers (RFC 5905), a line of the lowest severity for syslog (RFC 5424), else a line end. */
const NTP = `\\x1b${'\\0'.repeat(47)}`
const SYSLOG = '<15>lifeboat: a packet of a drill'

/** Tenths of a second. */
const SETTLE_TRIES = 60

/** Guests are whatever the stack's images are: bash and coreutils are all that is asked of them. */
const SCRIPT = `
# A guest is ready before its DHCPv6 client is done: without an address of its own nothing it sends says anything. Its
# router is known by then, or nearly; an appliance that is no router of this family has no way to some addresses, ever.
settled() {
  command -v ip >/dev/null || return 0
  left=5
  for try in $(seq ${SETTLE_TRIES}); do
    if [ -n "$(ip -6 -o addr show scope global -tentative 2>/dev/null)" ]; then
      [ -z "$(printf 'route get %s\\n' "$@" | ip -6 -force -batch - 2>/dev/null)" ] || return 0
      left=$((left - 1))
      [ $left -gt 0 ] || return 0
    fi
    sleep 0.1
  done
}
# A connection is asked for by a shell of its own, which starts no program: hundreds at once are the site's own load.
tcp() {
  exec 4< <({ exec 3<> "/dev/tcp/$1/$2"; } 2>&1; echo "code $?") && connecting=$!
  code=124 error=
  while :; do
    LC_ALL=C read -r -t "$3" -u 4 line
    case $? in
    0) case $line in "code "*) code=\${line#code }; return ;; *) error+=$line ;; esac ;;
    # It ended without a word: nothing was sent, or nobody knows. That is no silence.
    1) code=unable; return ;;
    *) kill "$connecting" 2>/dev/null; return ;;
    esac
  done
}
# A resolver asks again when a datagram was lost, and so does this.
dns() {
  exec 3<> "/dev/udp/$1/$2" || return
  for ((left = $3 + 1; left > 0; left--)); do
    printf '\\x12\\x34\\x01\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\x01' >&3
    LC_ALL=C read -r -d '' -n 1 -t 1 -u 3 && return
    [ $? -gt 128 ] || return 1
  done
  return 124
}
udp() {
  exec 3<> "/dev/udp/$1/$2" || return
  printf "$4" >&3
  LC_ALL=C read -r -d '' -n 1 -t "$3" -u 3 && return
  [ $? -gt 128 ] || return 1
  return 124
}
one() {
  IFS=/ read -r kind address port via limit <<< "$2"
  case $address in *:*) whole=$address/128 ;; *) whole=$address/32 ;; esac
  [ "$via" = - ] || ip route replace "$whole" via "$via" 2>/dev/null
  began=\${EPOCHREALTIME/[.,]/}
  case $kind in
  tcp) tcp "$address" "$port" "$limit" ;;
  dns) error=$(dns "$address" "$port" "\${limit%.*}" 2>&1); code=$? ;;
  udp) case $port in 123) text='${NTP}' ;; 514) text='${SYSLOG}' ;; *) text='\\n' ;; esac
    error=$(udp "$address" "$port" "$limit" "$text" 2>&1); code=$? ;;
  ping) command -v ping >/dev/null || { echo "$1 unable"; return; }
    error=$(ping -n -c 2 -i 0.2 -W "\${limit%.*}" "$address" 2>&1); code=$?; [ $code = 0 ] || code=124 ;;
  address) error=; case " $(hostname -I 2>/dev/null) " in *" $address "*) code=0 ;; *) code=124 ;; esac ;;
  esac
  now=\${EPOCHREALTIME/[.,]/}
  [ "$via" = - ] || ip route del "$whole" via "$via" 2>/dev/null
  case "$code:$error" in
  0:*) echo "$1 open $((now - began))" ;;
  unable:*) echo "$1 unable" ;;
  124:*) echo "$1 silent" ;;
  *refused*) echo "$1 refused" ;;
  *unreachable*|*"No route"*|*"not permitted"*|*prohibited*) echo "$1 unreachable" ;;
  *) echo "$1 silent" ;;
  esac
}
over6=()
for each in "$@"; do
  IFS=/ read -r kind address port via limit <<< "$each"
  case $address:$via in *:*:-) over6+=("$address") ;; esac
done
[ \${#over6[@]} = 0 ] || settled "\${over6[@]}"
number=0
for each in "$@"; do one $number "$each" & number=$((number + 1)); done
wait
`

export function resultsOf(probes: readonly PacketProbe[], exit: number, stdout: string): readonly Seen[] {
  const lines = stdout.split('\n').map((line) => line.split(' ') as [string, PacketResult, string?])
  const heard = new Map(lines.map(([number, result, took_us]) => [number, { result, took_us }]))
  return probes.map((probe, index) => {
    const { result = 'unable', took_us } = (exit === 0 ? heard.get(String(index)) : undefined) ?? {}
    return { probe, result, ...(took_us === undefined ? {} : { took_ms: Number(took_us) / 1000 }) }
  })
}

/**
 * Counters of witnesses, read some time before the packets, right before and after them. Where nobody else sent meanwhile
 * as many came as were sent, or none; anything between says nothing of any of them.
 */
export function witnessed(seen: readonly Seen[], earlier: Counted, before: Counted, after: Counted): readonly Seen[] {
  const sent = new Map<string, number>()
  for (const { probe, result } of seen)
    if (probe.witness !== undefined && result !== 'unable')
      sent.set(witnessKey(probe.witness), (sent.get(witnessKey(probe.witness)) ?? 0) + 1)
  return seen.map((each) => {
    const { probe, result } = each
    if (probe.witness === undefined || (result !== 'silent' && result !== 'unreachable')) return each
    const key = witnessKey(probe.witness)
    const [was, from, to] = [earlier.get(key), before.get(key), after.get(key)]
    if (was === undefined || from === undefined || to === undefined || was !== from) return each
    const came = to - from
    if (came === sent.get(key)) return { probe, result: 'arrived' }
    return came === 0 ? { probe, result: 'lost' } : each
  })
}

export type Counted = ReadonlyMap<string, number>

export const witnessKey = ({ instance, counter }: Witness): string => `${instance} ${counter}`

/** Whether a packet behaved as it has to. A refusal is an answer: the packet was let through to whoever refused it. */
export function judge({ probe, result }: Seen): 'held' | 'broken' | 'no evidence' {
  if (result === 'unable') return 'no evidence'
  // A datagram that is not answered says nothing, whether it was let through or not.
  if (probe.witness !== undefined && (result === 'silent' || result === 'unreachable')) return 'no evidence'
  switch (probe.expect) {
    case 'open':
      return result === 'open' || result === 'arrived' ? 'held' : 'broken'
    case 'answered':
      return result === 'open' || result === 'refused' ? 'held' : 'broken'
    case 'refused':
      return result === 'refused' || result === 'arrived'
        ? 'held'
        : result === 'open' || result === 'lost'
          ? 'broken'
          : 'no evidence'
    case 'blocked':
      return result === 'open' || result === 'refused' ? 'broken' : 'held'
  }
}
