import type { ReactNode } from 'react'

export type Tone = 'good' | 'warn' | 'bad' | 'plain' | 'busy'

/** A word with a colour; the word alone says it too. */
export function Mark({
  tone,
  children,
  title,
}: {
  readonly tone: Tone
  readonly children: ReactNode
  readonly title?: string
}) {
  return (
    <span className={`mark ${tone}`} title={title}>
      {children}
    </span>
  )
}

const roles: Readonly<Record<string, Tone>> = { active: 'good', standby: 'plain', stale: 'bad', unknown: 'warn' }

export function RoleMark({ role, answers }: { readonly role?: string | undefined; readonly answers: boolean }) {
  if (!answers) return <Mark tone="bad">no answer</Mark>
  if (role === undefined) return <Mark tone="plain">no claim</Mark>
  return <Mark tone={roles[role] ?? 'plain'}>{role}</Mark>
}

const outcomes: Readonly<Record<string, readonly [Tone, string]>> = {
  done: ['good', 'done'],
  undone: ['warn', 'undone'],
  stuck: ['bad', 'stuck'],
  running: ['busy', 'running'],
  interrupted: ['bad', 'interrupted'],
}

export function OutcomeMark({ outcome }: { readonly outcome: string }) {
  const [tone, words] = outcomes[outcome] ?? ['plain', outcome]
  return <Mark tone={tone}>{words}</Mark>
}

const proofs: Readonly<Record<string, readonly [Tone, string]>> = {
  proven: ['good', 'proven'],
  changed: ['warn', 'unproven: changed'],
  failed: ['bad', 'drill failed'],
  never: ['warn', 'never drilled'],
  unknown: ['warn', 'unknown'],
}

export function ProofMark({ state, words }: { readonly state: string; readonly words: string }) {
  const [tone, short] = proofs[state] ?? ['plain', state]
  return (
    <Mark tone={tone} title={words}>
      {short}
    </Mark>
  )
}
