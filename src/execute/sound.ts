import type { Action } from '../plan/plan.ts'
import { Unmet } from './failure.ts'
import type { Performing } from './perform.ts'

/** Sees that an appliance has what was written into it and that its own programs take it; `plugged`: that they serve. */
export async function sound(action: Extract<Action, { do: 'sound' }>, context: Performing): Promise<void> {
  const { clock } = context.world
  const engine = context.world.engine(context.site)
  const argv = ['/bin/sh', '-c', SOUND, 'lifeboat-sound', action.plugged ? 'plugged' : 'unplugged']
  const end = clock.now().getTime() + action.within_s * 1000
  for (;;) {
    const { exit, stdout, stderr } = await engine.exec(action.instance, argv, 20)
    if (exit === 0) return
    if (clock.now().getTime() >= end) {
      const name = action.instance.name
      throw new Unmet(`${name} is not sound after ${action.within_s} s`, `${stdout}${stderr}`.trim())
    }
    await clock.sleep(100, context.signal)
  }
}

/**
 * Its addresses are where they were and its MACs are the same: neighbours need not learn anything. Switches do, as another
 * port has the MAC now; so every address is announced once (RFC 5227 section 3, an ARP request for one's own address).
 */
const SOUND = `
bad() { echo "$*"; exit 1; }
said=$(sha256sum -c --quiet /etc/lifeboat/manifest 2>&1) || bad "not what was written: $said"
systemctl is-active -q nftables || bad "rules are not loaded: $(systemctl status --no-pager -n 5 nftables 2>&1 | tail -n 5)"
nft list ruleset | grep -q 'policy drop' || bad 'the kernel has no rules'
[ ! -e /etc/haproxy/haproxy.cfg ] || said=$(haproxy -c -f /etc/haproxy/haproxy.cfg 2>&1) || bad "haproxy: $said"
[ ! -e /etc/dnsmasq.conf ] || said=$(dnsmasq --test --conf-file=/etc/dnsmasq.conf 2>&1) || bad "dnsmasq: $said"
[ "$1" = plugged ] || exit 0
for address in $(sed -n 's/^Address=//p' /etc/systemd/network/*.network); do
  ip -o addr | grep -qF " $address " || bad "$address is not set yet"
done
[ ! -e /etc/haproxy/haproxy.cfg ] || systemctl is-active -q haproxy || bad 'haproxy does not run'
[ ! -e /etc/dnsmasq.conf ] || systemctl is-active -q dnsmasq || bad 'dnsmasq does not run'
ip -o -4 addr show scope global | while read -r number leg rest; do
  set -- $rest
  perl -e '
    my ($leg, $index, $mac, @ip) = (@ARGV[0, 1], pack("H12", $ARGV[2] =~ s/://gr), split /\\./, $ARGV[3]);
    my $ip = pack "C4", @ip;
    socket(my $s, 17, 3, 0x0608) or exit;
    my $frame = "\\xff" x 6 . $mac . pack("nnnCCn", 0x0806, 1, 0x0800, 6, 4, 1) . $mac . $ip . "\\0" x 6 . $ip;
    send $s, $frame, 0, pack("SniSCCa8", 17, 0x0806, $index, 1, 0, 6, "\\xff" x 6);
  ' "$leg" "\${number%:}" "$(cat "/sys/class/net/$leg/address")" "\${2%/*}"
done
exit 0
`
