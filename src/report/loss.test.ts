import { expect, test } from 'vitest'
import { compareLoss, parseAcknowledged } from './loss.ts'

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString()

test('what was acknowledged before the decision and is not held is lost; before the point it is a defect', () => {
  const acknowledged = [
    { ref: 'before, held', acked_at: at(1) },
    { ref: 'before, gone', acked_at: at(2) },
    { ref: 'after, gone', acked_at: at(4) },
    { ref: 'never told', acked_at: null },
    { ref: 'told by the new site', acked_at: at(9) },
  ]
  expect(compareLoss(acknowledged, new Set(['before, held', 'another']), at(3), at(6))).toEqual({
    acknowledged: 3,
    present: 1,
    lost: 2,
    lost_before_point: 1,
    oldest_lost_at: at(2),
  })
})

test('nothing lost has no oldest', () => {
  const loss = compareLoss([{ ref: 'a', acked_at: at(1) }], new Set(['a']), at(3), at(6))
  expect(loss).toMatchObject({ lost: 0, lost_before_point: 0, oldest_lost_at: undefined })
})

test('a record of acknowledged writes: ISO 8601 or milliseconds; a last line that was cut off is left out', () => {
  const text = `{"ref":"a","acked_at":"${at(1)}"}\n\n{"ref":"b","acked_at":1767225602000}\n{"ref":"c"}\n{"ref":"d","ack`
  expect(parseAcknowledged(text)).toEqual([
    { ref: 'a', acked_at: at(1) },
    { ref: 'b', acked_at: at(2) },
    { ref: 'c', acked_at: null },
  ])
})

test('any other bad line is an error with its number', () => {
  expect(() => parseAcknowledged('{"ref":"a"}\nnonsense\n{"ref":"b"}\n')).toThrow('line 2')
  expect(() => parseAcknowledged('{"acked_at":1}\n')).toThrow('line 1 of the record of acknowledged writes has no ref')
})
