import { z } from 'zod'
import { roles } from '../api/words.ts'
import { parseDuration_s } from '../lib/duration.ts'
import { readYaml } from '../lib/yaml.ts'

const duration = z.string().transform((text, context) => {
  const seconds = parseDuration_s(text)
  if (seconds !== undefined && seconds > 0) return seconds * 1000
  context.issues.push({ code: 'custom', message: 'needs a duration such as 10m or 7d', input: text })
  return z.NEVER
})

const listen = z
  .string()
  .regex(/^(\[[0-9a-f:.]+\]|[a-z0-9.-]+):\d{1,5}$/i, 'needs HOST:PORT such as 127.0.0.1:8480 or [::1]:8480')
  .transform((text) => {
    const at = text.lastIndexOf(':')
    return { host: text.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(text.slice(at + 1)) }
  })

const mail = z
  .strictObject({
    server: z.string(),
    port: z.int().min(1).max(65535).default(587),
    tls: z.enum(['starttls', 'direct', 'none']).default('starttls'),
    user: z.string().optional(),
    password: z.strictObject({ file: z.string() }).optional(),
    from: z.string(),
    to: z.array(z.string()).min(1),
  })
  .refine(({ user, password }) => (user === undefined) === (password === undefined), {
    error: 'user and password go together',
  })
  .refine(({ tls, password }) => tls !== 'none' || password === undefined, {
    error: 'a password does not go in the clear: tls has to be starttls or direct',
  })

/** What one controller is told about itself; files are relative to the file that names them, and hold one secret each. */
const ConfigFile = z.strictObject({
  'lifeboat-controller': z.literal(1),
  site: z.string().optional(),
  listen: listen.optional(),
  address: z.url({ protocol: /^https?$/ }).optional(),
  tls: z.strictObject({ certificate: z.string(), key: z.string() }).optional(),
  data: z.string().optional(),
  stacks: z.string().optional(),
  log: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  'four-eyes': z.boolean().default(false),
  'proof-older-than': duration.default(7 * 24 * 3_600_000),
  'probe-services': z.boolean().default(false),
  'probe-ingress': z
    .union([z.literal(false), duration], { error: 'needs a duration such as 1m, or false' })
    .default(60_000),
  'diff-every': z
    .union([z.literal(false), duration], { error: 'needs a duration such as 1h, or false' })
    .default(3_600_000),
  replications: z.int().min(1).max(64).default(4),
  'takeover-after': duration.default(60_000),
  oidc: z
    .strictObject({
      issuer: z.url({ protocol: /^https?$/ }),
      'client-id': z.string(),
      'client-secret': z.strictObject({ file: z.string() }),
      claim: z.string().default('groups'),
      roles: z.record(z.string(), z.enum(roles)),
    })
    .optional(),
  alarms: z
    .strictObject({
      repeat: duration.default(4 * 3_600_000),
      ca: z.string().optional(),
      mail: mail.optional(),
      webhooks: z
        .array(
          z.strictObject({
            url: z.url({ protocol: /^https?$/ }),
            form: z.enum(['json', 'slack']).default('json'),
            secret: z.strictObject({ file: z.string() }).optional(),
          }),
        )
        .default([]),
    })
    .prefault({}),
})

export type Config = z.output<typeof ConfigFile>

/** What holds where there is no file. */
export const defaults: Config = ConfigFile.parse({ 'lifeboat-controller': 1 })

/** The file as it is written, or every problem with its place. */
export function parseConfig(
  text: string,
  file: string,
): { readonly config: Config | undefined; readonly problems: readonly string[] } {
  const { value, problems } = readYaml(text, ConfigFile, 'lifeboat-controller: 1')
  return { config: value, problems: problems.map((each) => `${file}:${each.line}:${each.column}: ${each.what}`) }
}
