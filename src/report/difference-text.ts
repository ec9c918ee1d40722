import { createTwoFilesPatch } from 'diff'
import type { Compared, Difference } from '../operations/differences.ts'

/** What differs, place by place, for people; `exact` is how both sides are called. */
export function differenceText(compared: Compared): string {
  const { differences, unseen, stack } = compared
  const lines = differences.flatMap((each) => [
    `  ${each.site} ${each.object}: ${each.place} ${each.what}${marks[each.by]}`,
    ...unified(each).map((line) => `      ${line}`),
  ])
  return [
    ...lines,
    ...unseen.map((each) => `  not seen: ${each}`),
    ...(lines.length + unseen.length > 0 ? [''] : []),
    `${stack}: ${countWords(differences)}${unseen.length === 0 ? '' : '; not everything could be looked at'}`,
    '',
  ].join('\n')
}

const marks: Readonly<Record<Difference['by'], string>> = { hand: ' [by hand]', file: ' [file]', standby: ' [standby]' }

function countWords(differences: readonly Difference[]): string {
  if (differences.length === 0) return 'no difference'
  const count = (by: Difference['by']) => differences.filter((each) => each.by === by).length
  const parts = [
    [count('hand'), 'by hand'],
    [count('file'), 'by the files'],
    [count('standby'), 'at the standby'],
  ] as const
  const words = parts.flatMap(([number, name]) => (number === 0 ? [] : [`${number} ${name}`]))
  return `${differences.length} ${differences.length === 1 ? 'difference' : 'differences'}: ${words.join(', ')}`
}

/** Lines with `+` are what is at the site, as in the words of diff(1): from what should be to what is. */
export function unified({ texts }: Difference): readonly string[] {
  if (texts === undefined) return []
  const patch = createTwoFilesPatch('wanted', 'found', texts.wanted, texts.found, '', '', { context: 1 })
  return patch
    .split('\n')
    .slice(1)
    .filter((line) => line !== '')
    .map((line) => line.trimEnd())
}
