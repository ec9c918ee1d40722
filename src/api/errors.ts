import { z } from 'zod'
import { Finding } from './words.ts'

/** Sorted by what the caller can do about it; the status code says the same. */
export const codes = {
  'bad-request': 400,
  'not-signed-in': 401,
  forbidden: 403,
  'bad-csrf': 403,
  'not-found': 404,
  conflict: 409,
  'too-large': 413,
  'bad-type': 415,
  refused: 422,
  'too-many': 429,
  bug: 500,
  unavailable: 503,
} as const
export type ErrorCode = keyof typeof codes

export const ErrorBody = z.object({
  error: z.enum(Object.keys(codes) as [ErrorCode, ...ErrorCode[]]),
  what: z.string().describe('What happened, in one sentence.'),
  hint: z.string().optional().describe('What to do about it.'),
  findings: z.array(Finding).optional().describe('Why planning refused.'),
  fields: z
    .array(z.object({ path: z.string(), what: z.string() }))
    .optional()
    .describe('What is wrong with the request, by member.'),
})
export type ErrorBody = z.infer<typeof ErrorBody>
