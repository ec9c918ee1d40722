import type { Answer } from '../api/client.ts'

type Finding = Answer<'plan'>['findings'][number]
const tones = { error: 'bad', warning: 'warn', note: 'plain' } as const

/** What planning or looking found, worst first. */
export function Findings({ findings }: { readonly findings: readonly Finding[] }) {
  const order = ['error', 'warning', 'note']
  const sorted = [...findings].sort((a, b) => order.indexOf(a.level) - order.indexOf(b.level))
  if (sorted.length === 0) return null
  return (
    <ul className="findings">
      {sorted.map((finding) => (
        <li key={`${finding.level} ${finding.what}`} className={tones[finding.level]}>
          <strong>{finding.level}</strong> {finding.what}
          {finding.hint !== undefined && <span className="hint">{finding.hint}</span>}
        </li>
      ))}
    </ul>
  )
}
