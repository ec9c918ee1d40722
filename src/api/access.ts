import { z } from 'zod'
import { OperationRequest } from './operations.ts'
import { Role, Time } from './words.ts'

export const UserName = z
  .string()
  .max(64)
  .regex(/^[a-z0-9][a-z0-9._@-]*$/, 'lower-case letters, digits and . _ @ -')
export const Password = z.string().min(12, 'at least 12 characters').max(256)

export const Me = z.object({
  user: UserName,
  role: Role,
  by: z.enum(['session', 'token', 'tour']),
  csrf: z.string().optional().describe('Send it back as the header x-csrf-token with everything but GET.'),
})
export type Me = z.infer<typeof Me>

/** What a page has to know before anybody signed in. */
export const Door = z.object({
  site: z.string(),
  version: z.string(),
  setup: z.boolean().describe('Nobody has an account yet: open the link that the controller printed.'),
  tour: z.boolean().describe('Sites in memory: everybody is admin, and POST /tour takes {play: NAME} of GET /tour.'),
  oidc: z.boolean().describe('Signing in at the provider is possible: /api/v1/oidc/start'),
})

export const Login = z.strictObject({ user: z.string().max(64), password: z.string().max(256) })
export const Setup = z.strictObject({ link: z.string().max(128), user: UserName, password: Password })

export const User = z.object({
  user: UserName,
  role: Role,
  by: z.enum(['password', 'oidc']),
  made_at: Time,
  seen_at: Time.optional(),
  disabled: z.boolean(),
})
export const NewUser = z.strictObject({ user: UserName, role: Role, password: Password })
export const UserChange = z.strictObject({
  role: Role.optional(),
  password: Password.optional(),
  disabled: z.boolean().optional(),
})
export const PasswordChange = z.strictObject({ old: z.string().max(256), password: Password })

export const Token = z.object({
  id: z.string(),
  name: z.string(),
  role: Role,
  user: UserName.describe('Who made it; it may never do more than this user.'),
  made_at: Time,
  expires_at: Time.optional(),
  seen_at: Time.optional(),
})
export const NewToken = z.strictObject({
  name: z.string().min(1).max(64),
  role: Role,
  days: z.int().min(1).max(3650).optional().describe('Until it expires; without it never.'),
})
export const MadeToken = Token.extend({ token: z.string().describe('Shown this once; only its hash is kept.') })

/** With four-eyes, a failover waits for a second person. */
export const Approval = z.object({
  id: z.string(),
  by: UserName,
  at: Time,
  expires_at: Time,
  summary: z.string(),
  request: OperationRequest,
  mine: z.boolean().describe('You asked for it, so somebody else has to approve it.'),
})

export const AuditEntry = z.object({
  n: z.int(),
  at: Time,
  who: z.string(),
  from: z.string().optional().describe('Address of the caller.'),
  what: z.string().describe('`operation.start`, `session.refused`, `token.make` ...'),
  about: z.string().optional(),
  details: z.record(z.string(), z.unknown()).describe('What was decided, and on what information. Never a secret.'),
  before: z.string().describe('Hash of the entry before.'),
  hash: z.string(),
})
export type AuditEntry = z.infer<typeof AuditEntry>

export const AuditVerdict = z.object({
  entries: z.int(),
  good: z.boolean(),
  broken_at: z.int().optional().describe('The first entry that does not fit.'),
  head: z.string().describe('Hash of the newest entry: keep it elsewhere to see a cut tail.'),
})
