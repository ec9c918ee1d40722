import { exec } from '../../lab/lab.ts'

/** Bytes that came in over the WAN at a site, counted by its interface. */
export async function bytesReceived(site: string): Promise<number> {
  const ran = await exec(site, ['cat', '/sys/class/net/wan/statistics/rx_bytes'])
  return Number(ran.stdout)
}

/** Bytes of `btrfs send` for the last increment of each replica: from the snapshot before the newest to the newest. */
export async function bytesOfSend(site: string, machines: readonly string[]): Promise<number> {
  const script = `
pool=$INCUS_DIR/storage-pools/default/containers-snapshots
for machine in ${machines.join(' ')}; do
  set -- $(ls $pool/lb-shop-replica_$machine | sort | tail -n 2)
  btrfs send -q -p $pool/lb-shop-replica_$machine/$1 $pool/lb-shop-replica_$machine/$2
done | wc -c`
  const ran = await exec(site, ['bash', '-o', 'pipefail', '-c', script])
  if (ran.exit !== 0) throw new Error(`btrfs send at ${site}: ${ran.stderr}`)
  return Number(ran.stdout)
}
