import { exec } from '../../lab/lab.ts'

/** Bytes that came in over the WAN at a site, counted by its interface. */
export async function bytesReceived(site: string): Promise<number> {
  const ran = await exec(site, ['cat', '/sys/class/net/wan/statistics/rx_bytes'])
  return Number(ran.stdout)
}

/** Bytes of `btrfs send` for the last increment of each replica: from the snapshot before the newest to the newest. */
export async function bytesOfSend(site: string, machines: readonly string[]): Promise<number> {
  const script = `
pool=$INCUS_DIR/storage-pools/default
for machine in ${machines.join(' ')}; do
  set -- $(ls $pool/containers-snapshots/lb-shop-replica_$machine | sort | tail -n 2)
  # Send takes read-only subvolumes; what was received is not. A copy shares every extent and is sent as the original.
  for snapshot in $1 $2; do
    btrfs subvolume snapshot -r $pool/containers-snapshots/lb-shop-replica_$machine/$snapshot $pool/bench-$snapshot >&2
  done
  btrfs send -q -p $pool/bench-$1 $pool/bench-$2
  btrfs subvolume delete $pool/bench-$1 $pool/bench-$2 >&2
done | wc -c`
  const ran = await exec(site, ['bash', '-o', 'pipefail', '-c', script])
  if (ran.exit !== 0) throw new Error(`btrfs send at ${site}: ${ran.stderr}`)
  return Number(ran.stdout)
}
