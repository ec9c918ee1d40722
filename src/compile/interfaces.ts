import { sha256 } from '../lib/digest.ts'

/** Names that a leg to a segment cannot have, because another leg or the kernel has them. */
const RESERVED = new Set(['outside', 'services', 'lo', 'all', 'default'])

/** IFNAMSIZ of Linux is 16, with the final zero. */
const LONGEST = 15

/** The name of a leg inside an appliance: the segment's own, or its beginning and a digest where that is impossible. */
export function interfaceOf(segment: string): string {
  if (segment.length <= LONGEST && !RESERVED.has(segment)) return segment
  return `${segment.slice(0, 9)}-${sha256(segment).slice(0, 5)}`
}

/**
 * MACs of all legs of a stack, locally administered (IEEE 802: `02` in the first byte), from stack, instance and leg, so
 * that they are the same at every site. Legs are `instance` and `leg`, in any order.
 */
export function macsOf(
  stack: string,
  legs: readonly { readonly instance: string; readonly leg: string }[],
): (instance: string, leg: string) => string {
  const macs = new Map<string, string>()
  const taken = new Set<string>()
  const keys = legs.map(({ instance, leg }) => `${stack}/${instance}/${leg}`).sort()
  for (const key of keys) {
    let mac = macFrom(key)
    // 40 bits: two of a stack's legs meet about once in a hundred million stacks of a hundred legs.
    for (let again = 1; taken.has(mac); again += 1) mac = macFrom(`${key}/${again}`)
    macs.set(key, mac)
    taken.add(mac)
  }
  return (instance, leg) => {
    const mac = macs.get(`${stack}/${instance}/${leg}`)
    if (mac === undefined) throw new Error(`${instance} of stack ${stack} has no leg ${leg}`)
    return mac
  }
}

function macFrom(key: string): string {
  const hash = sha256(key)
  return ['02', ...[0, 2, 4, 6, 8].map((at) => hash.slice(at, at + 2))].join(':')
}
