import type { ExecResult } from '../../src/engine/contract.ts'
import type { ExecContext } from '../../src/engine/fake/site.ts'

/** What guests of a bubble hear and say where everything is as declared; `undefined` for whatever else they are asked. */
export function goodBubble({ argv, instance }: ExecContext): ExecResult | undefined {
  const good = (stdout: string): ExecResult => ({ exit: 0, stdout, stderr: '' })
  const packets = argv.indexOf('lifeboat-packets')
  if (packets >= 0) {
    const heard = argv.slice(packets + 1).map((word, index) => `${index} ${hears(word)}`)
    return good(`${heard.join('\n')}\n`)
  }
  if (instance.object.area.kind !== 'bubble') return undefined
  switch (argv[0]) {
    case 'curl':
      return good('200 198.18.0.11 0.012')
    case 'sed':
      return good('-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n')
    case 'nft':
      return good(JSON.stringify({ nftables: [{ metainfo: {} }, { counter: { name: 'left_ldap', packets: 7 } }] }))
    case 'cat':
      return argv[1]?.startsWith('/sys/') ? good('11\n') : undefined
    default:
      return undefined
  }
}

/** KIND/ADDRESS/PORT/VIA/SECONDS: the sender gives a packet that must not pass less time, and what it sends again four times as much. */
function hears(word: string): string {
  const [, address, port, , seconds] = word.split('/')
  if (address?.startsWith('10.10.3.') && port === '5432' && address !== '10.10.3.1') return 'refused'
  return seconds === '4' || seconds === '16' ? 'open' : 'silent'
}
