import { z } from 'zod'
import type { Form } from './forms.ts'

/** What the schema is put together from. */

/** A map with these keys and no others; the message for another key lists them. */
export function fields<const Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  const known = Object.keys(shape).join(' ')
  return z.strictObject(shape, { error: (issue) => (issue.code === 'unrecognized_keys' ? known : undefined) })
}

/** A map from names that the writer chose. */
export function names<T extends z.ZodType>(value: T) {
  return z.record(z.string(), value)
}

export function list<T extends z.ZodType>(item: T) {
  return z.array(item)
}

/** One, or a list of at least one: always a list after parsing. */
export function oneOrMore<T extends z.ZodType>(item: T) {
  return z.union([item, z.array(item).min(1)]).transform((value) => [value].flat() as z.output<T>[])
}

export function text(noun: string, example: string) {
  return z.string({ error: `${noun}\nsuch as ${example}` }).min(1, { error: `${noun}\nsuch as ${example}` })
}

export function port() {
  return z.int().min(1).max(65535)
}

export function count(smallest: number, fallback: number) {
  return z.int().min(smallest).default(fallback)
}

export function form<T>(of: Form<T>) {
  const error = `${of.noun}\nsuch as ${of.example}`
  return z
    .string({ error })
    .regex(of.pattern, { error })
    .meta({ examples: [of.example] })
    .transform((value, context): T => {
      const parsed = of.parse(value)
      if (parsed !== undefined) return parsed
      context.issues.push({ code: 'custom', message: `${error}; is a number out of range?`, input: value })
      return z.NEVER
    })
}
