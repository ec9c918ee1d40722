import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { median, row, seconds } from './rows.ts'

/** `lifeboat check` of a stack with 1,000 machines, the whole command. */
export function checkOfThousand(): void {
  const folder = mkdtempSync(join(tmpdir(), 'lifeboat-bench-'))
  try {
    const file = join(folder, 'stack.yaml')
    const machines = Array.from(
      { length: 100 },
      (_, index) => `  m${index}x: { image: some, count: 10, segment: s${index % 10} }`,
    )
    const segments = Array.from({ length: 10 }, (_, index) => `  s${index}: 10.${index}.0.0/20`)
    const services = Array.from(
      { length: 100 },
      (_, index) =>
        `        v${index}: { listen: s${(index + 1) % 10}:${1000 + index}, mode: tcp, pool: m${index}x:80 }`,
    )
    writeFileSync(
      file,
      [
        'lifeboat: 1',
        'stack: big',
        'segments:',
        ...segments,
        'machines:',
        ...machines,
        'appliances:',
        '  lb:',
        '    load-balancer:',
        '      services:',
        ...services,
        '',
      ].join('\n'),
    )
    const times = [1, 2, 3].map(() => timed([join(import.meta.dirname, '../../lifeboat'), 'check', file]))
    const floor = Math.min(...[1, 2, 3].map(() => timed([process.execPath, '-e', '0'])))
    row(
      'lifeboat check of 1,000 machines, whole command',
      seconds(median(times)),
      `${seconds(floor)} node -e 0`,
      '< 1 s',
      median(times) < 1000,
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function timed(argv: readonly string[]): number {
  const began = performance.now()
  const ran = spawnSync(argv[0] ?? '', argv.slice(1), { stdio: 'ignore' })
  if (ran.status !== 0) throw new Error(`${argv.join(' ')} ended with ${ran.status}`)
  return performance.now() - began
}
