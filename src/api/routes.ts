import { z } from 'zod'
import { dialects } from '../compile/route-server.ts'
import * as access from './access.ts'
import { Counters } from './counters.ts'
import { Differences, DifferencesQuery } from './differences.ts'
import type { ErrorCode } from './errors.ts'
import { OutsideSight } from './ingress.ts'
import * as operations from './operations.ts'
import { PeerView } from './peer.ts'
import { Picture } from './picture.ts'
import * as stacks from './stacks.ts'
import { AssumptionsQuery, Touchpoints } from './touchpoints.ts'
import * as watch from './watch.ts'
import { OperationId, type Role, SiteName, StackName } from './words.ts'

/**
 * Every route of the API, once: the server validates by it, the OpenAPI document is made of it, the page calls by it.
 * `role` is the least that may call; `anyone` needs no account. What a verb needs beyond that is in `roleOfVerb`.
 */
export type Route = {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly role: Role | 'anyone'
  readonly about: string
  readonly group: 'state' | 'operations' | 'watch' | 'access'
  readonly params?: z.ZodObject
  readonly query?: z.ZodObject
  readonly headers?: z.ZodObject
  readonly body?: z.ZodType
  /** Of a good answer; absent where the answer is a stream, a redirect or nothing (204). */
  readonly answer?: z.ZodType
  readonly status?: 200 | 201 | 202 | 204 | 302
  /** Media type where it is not JSON. */
  readonly media?: string
  /** Errors that the shape of the route does not tell. */
  readonly may?: readonly ErrorCode[]
}

const ofStack = z.object({ stack: StackName })
const ofOperation = z.object({ operation: OperationId })
const byId = z.object({ id: z.string().max(64) })
const some = z.object({
  stack: StackName.optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  before: OperationId.optional().describe('Only older ones than this.'),
  cycles: z.stringbool().default(true).describe('Also replication cycles that ended well.'),
})
const once = z.object({
  'idempotency-key': z
    .string()
    .min(1)
    .max(128)
    .optional()
    .describe('The same key within a day starts nothing again and gets the same answer.'),
})

export const routes = {
  door: {
    method: 'GET',
    path: '/api/v1/door',
    role: 'anyone',
    group: 'access',
    about: 'What a page has to know before anybody signed in',
    answer: access.Door,
  },
  me: { method: 'GET', path: '/api/v1/session', role: 'viewer', group: 'access', about: 'Who I am', answer: access.Me },
  login: {
    method: 'POST',
    path: '/api/v1/session',
    role: 'anyone',
    group: 'access',
    about: 'Sign in with a password',
    body: access.Login,
    answer: access.Me,
    may: ['not-signed-in'],
  },
  logout: {
    method: 'DELETE',
    path: '/api/v1/session',
    role: 'viewer',
    group: 'access',
    about: 'Sign out',
    status: 204,
  },
  setup: {
    method: 'POST',
    path: '/api/v1/setup',
    role: 'anyone',
    group: 'access',
    about: 'Make the first admin, with the link that the controller printed',
    body: access.Setup,
    answer: access.Me,
  },
  oidcStart: {
    method: 'GET',
    path: '/api/v1/oidc/start',
    role: 'anyone',
    group: 'access',
    about: 'Go to the OIDC provider to sign in',
    status: 302,
    may: ['not-found', 'forbidden', 'conflict', 'unavailable'],
  },
  oidcBack: {
    method: 'GET',
    path: '/api/v1/oidc/back',
    role: 'anyone',
    group: 'access',
    about: 'Where the OIDC provider sends the browser back to',
    status: 302,
    may: ['not-found', 'forbidden', 'conflict', 'unavailable'],
  },

  overview: {
    method: 'GET',
    path: '/api/v1/overview',
    role: 'viewer',
    group: 'state',
    about: 'Both sites, every stack, open alarms',
    answer: watch.Overview,
  },
  stacks: {
    method: 'GET',
    path: '/api/v1/stacks',
    role: 'viewer',
    group: 'state',
    about: 'Every stack at a glance',
    answer: z.array(stacks.StackSummary),
  },
  stack: {
    method: 'GET',
    path: '/api/v1/stacks/:stack',
    role: 'viewer',
    group: 'state',
    about: 'One stack, looked at now',
    params: ofStack,
    answer: stacks.StackDetail,
  },
  picture: {
    method: 'GET',
    path: '/api/v1/stacks/:stack/picture',
    role: 'viewer',
    group: 'state',
    about: 'What to draw of a stack, with its live health',
    params: ofStack,
    answer: Picture,
  },
  points: {
    method: 'GET',
    path: '/api/v1/stacks/:stack/points',
    role: 'viewer',
    group: 'state',
    about: 'Complete points by site',
    params: ofStack,
    query: stacks.PointsQuery,
    answer: z.array(stacks.PointsAt),
  },
  outside: {
    method: 'GET',
    path: '/api/v1/stacks/:stack/outside',
    role: 'viewer',
    group: 'state',
    about: "What clients get of a stack, for a week, and which central services its standby's watch sees",
    params: ofStack,
    answer: OutsideSight,
  },
  proofs: {
    method: 'GET',
    path: '/api/v1/stacks/:stack/proofs',
    role: 'viewer',
    group: 'state',
    about: 'Drills, newest first',
    params: ofStack,
    answer: z.array(stacks.ProofEntry),
  },
  file: {
    method: 'GET',
    path: '/api/v1/stacks/:stack/file',
    role: 'viewer',
    group: 'state',
    about: 'The stack file as the sites hold it, and what runs otherwise',
    params: ofStack,
    answer: stacks.StackFileView,
  },
  differences: {
    method: 'GET',
    path: '/api/v1/stacks/:stack/differences',
    role: 'viewer',
    group: 'state',
    about: 'The stack file against what is at both sites, looked at now',
    params: ofStack,
    query: DifferencesQuery,
    answer: Differences,
    may: ['refused'],
  },
  rescued: {
    method: 'GET',
    path: '/api/v1/stacks/:stack/rescue',
    role: 'commander',
    group: 'state',
    about: 'What only a copy that was set aside holds, while its clone runs after a rescue',
    params: ofStack,
    query: stacks.RescueQuery,
    answer: stacks.RescueDifference,
    may: ['refused', 'unavailable'],
  },
  counters: {
    method: 'GET',
    path: '/api/v1/stacks/:stack/counters',
    role: 'viewer',
    group: 'state',
    about: 'What the rules and balancers of the active site have counted, read now',
    params: ofStack,
    answer: Counters,
  },
  touchpoints: {
    method: 'GET',
    path: '/api/v1/stacks/:stack/touchpoints',
    role: 'viewer',
    group: 'state',
    about: 'What a move touches outside the stack, beside what it would touch on physical gear',
    params: ofStack,
    query: AssumptionsQuery,
    answer: Touchpoints,
  },
  sites: {
    method: 'GET',
    path: '/api/v1/sites',
    role: 'viewer',
    group: 'state',
    about: 'Sites and their controllers',
    answer: z.array(watch.SiteView),
  },
  siteRoutes: {
    method: 'GET',
    path: '/api/v1/sites/:site/routes',
    role: 'viewer',
    group: 'state',
    about: 'What the route servers of a site have to be told, once; without the password of the sessions',
    params: z.object({ site: SiteName }),
    query: z.object({ dialect: z.enum(dialects).default('frr') }),
    media: 'text/plain',
  },

  operations: {
    method: 'GET',
    path: '/api/v1/operations',
    role: 'viewer',
    group: 'operations',
    about: 'Operations, newest first',
    query: some,
    answer: z.array(operations.OperationEntry),
  },
  operation: {
    method: 'GET',
    path: '/api/v1/operations/:operation',
    role: 'viewer',
    group: 'operations',
    about: 'The report of an operation, running or ended',
    params: ofOperation,
    answer: operations.OperationReport,
  },
  operationPlan: {
    method: 'GET',
    path: '/api/v1/operations/:operation/plan',
    role: 'viewer',
    group: 'operations',
    about: 'The plan that it executes',
    params: ofOperation,
    answer: operations.PlanView,
  },
  operationLog: {
    method: 'GET',
    path: '/api/v1/operations/:operation/log',
    role: 'viewer',
    group: 'operations',
    about: 'Its journal in words',
    params: ofOperation,
    answer: z.array(operations.LogLine),
  },
  operationText: {
    method: 'GET',
    path: '/api/v1/operations/:operation/report.txt',
    role: 'viewer',
    group: 'operations',
    about: 'The report as text',
    params: ofOperation,
    media: 'text/plain',
  },
  operationHtml: {
    method: 'GET',
    path: '/api/v1/operations/:operation/report.html',
    role: 'viewer',
    group: 'operations',
    about: 'The report as one HTML file, to keep or to hand on',
    params: ofOperation,
    media: 'text/html',
  },
  loss: {
    method: 'POST',
    path: '/api/v1/operations/:operation/loss',
    role: 'commander',
    group: 'operations',
    about: 'Count the writes that clients were told were accepted and that the launched stack does not hold',
    params: ofOperation,
    body: operations.Acknowledged,
    answer: operations.OperationReport,
  },
  plan: {
    method: 'POST',
    path: '/api/v1/plans',
    role: 'viewer',
    group: 'operations',
    about: 'What an operation would do; changes nothing',
    body: operations.OperationRequest,
    answer: operations.PlanView,
    may: ['refused', 'not-found'],
  },
  start: {
    method: 'POST',
    path: '/api/v1/operations',
    role: 'operator',
    group: 'operations',
    about: 'Plan and execute',
    headers: once,
    body: operations.OperationRequest,
    answer: operations.Started,
    status: 202,
    may: ['refused', 'not-found'],
  },
  resume: {
    method: 'POST',
    path: '/api/v1/operations/:operation/resume',
    role: 'operator',
    group: 'operations',
    about: 'Go on with an interrupted or stuck operation',
    params: ofOperation,
    answer: operations.Started,
    status: 202,
    may: ['refused', 'not-found'],
  },
  abort: {
    method: 'POST',
    path: '/api/v1/operations/:operation/abort',
    role: 'operator',
    group: 'operations',
    about: 'Take back an operation before its point of no return',
    params: ofOperation,
    answer: operations.Started,
    status: 202,
    may: ['refused', 'not-found'],
  },
  approvals: {
    method: 'GET',
    path: '/api/v1/approvals',
    role: 'viewer',
    group: 'operations',
    about: 'What waits for a second person',
    answer: z.array(access.Approval),
  },
  approve: {
    method: 'POST',
    path: '/api/v1/approvals/:id',
    role: 'commander',
    group: 'operations',
    about: 'Be the second person',
    params: byId,
    answer: operations.Started,
    status: 202,
    may: ['refused', 'not-found'],
  },
  withdraw: {
    method: 'DELETE',
    path: '/api/v1/approvals/:id',
    role: 'commander',
    group: 'operations',
    about: 'Take back what waits for a second person',
    params: byId,
    status: 204,
  },

  events: {
    method: 'GET',
    path: '/api/v1/events',
    role: 'viewer',
    group: 'watch',
    about: 'What changes, as a stream of server-sent events; see StreamEvent',
    media: 'text/event-stream',
  },
  alarms: {
    method: 'GET',
    path: '/api/v1/alarms',
    role: 'viewer',
    group: 'watch',
    about: 'Open alarms, worst first, and those resolved in the last week',
    answer: z.array(watch.Alarm),
  },
  schedules: {
    method: 'GET',
    path: '/api/v1/schedules',
    role: 'viewer',
    group: 'watch',
    about: 'What runs by itself, where and when',
    answer: z.array(watch.Schedule),
  },

  peer: {
    method: 'GET',
    path: '/api/v1/peer',
    role: 'anyone',
    group: 'watch',
    about: 'For the controllers of the other sites, who sign with their certificates',
    answer: PeerView,
    may: ['not-signed-in'],
  },
  metrics: {
    method: 'GET',
    path: '/metrics',
    role: 'viewer',
    group: 'watch',
    about: 'Numbers for Prometheus; it brings a token of a viewer',
    media: 'text/plain',
  },

  users: {
    method: 'GET',
    path: '/api/v1/users',
    role: 'admin',
    group: 'access',
    about: 'Accounts',
    answer: z.array(access.User),
  },
  addUser: {
    method: 'POST',
    path: '/api/v1/users',
    role: 'admin',
    group: 'access',
    about: 'Make an account',
    body: access.NewUser,
    answer: access.User,
    status: 201,
  },
  changeUser: {
    method: 'PATCH',
    path: '/api/v1/users/:user',
    role: 'admin',
    group: 'access',
    about: 'Change role, password or state; ends the sessions of the user',
    params: z.object({ user: access.UserName }),
    body: access.UserChange,
    answer: access.User,
  },
  removeUser: {
    method: 'DELETE',
    path: '/api/v1/users/:user',
    role: 'admin',
    group: 'access',
    about: 'Remove an account with its sessions and tokens',
    params: z.object({ user: access.UserName }),
    status: 204,
  },
  changePassword: {
    method: 'POST',
    path: '/api/v1/password',
    role: 'viewer',
    group: 'access',
    about: 'Change my password',
    body: access.PasswordChange,
    status: 204,
    may: ['not-signed-in'],
  },
  tokens: {
    method: 'GET',
    path: '/api/v1/tokens',
    role: 'viewer',
    group: 'access',
    about: 'My tokens; an admin sees all',
    answer: z.array(access.Token),
  },
  addToken: {
    method: 'POST',
    path: '/api/v1/tokens',
    role: 'viewer',
    group: 'access',
    about: 'Make a token for automation, of my role at most',
    body: access.NewToken,
    answer: access.MadeToken,
    status: 201,
  },
  removeToken: {
    method: 'DELETE',
    path: '/api/v1/tokens/:id',
    role: 'viewer',
    group: 'access',
    about: 'Take a token back',
    params: byId,
    status: 204,
  },
  audit: {
    method: 'GET',
    path: '/api/v1/audit',
    role: 'admin',
    group: 'access',
    about: 'Who decided what, newest first',
    query: z.object({
      limit: z.coerce.number().int().min(1).max(1000).default(100),
      before: z.coerce.number().int().min(1).optional(),
    }),
    answer: z.array(access.AuditEntry),
  },
  auditVerify: {
    method: 'GET',
    path: '/api/v1/audit/verify',
    role: 'admin',
    group: 'access',
    about: 'Whether the audit log is whole',
    answer: access.AuditVerdict,
  },
  auditExport: {
    method: 'GET',
    path: '/api/v1/audit/export',
    role: 'admin',
    group: 'access',
    about: 'The whole audit log, one JSON object a line, oldest first',
    media: 'application/x-ndjson',
  },
} as const satisfies Readonly<Record<string, Route>>

export type Routes = typeof routes
export type RouteName = keyof Routes
