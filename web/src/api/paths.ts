import type { RouteName, Routes } from '../../../src/api/routes.ts'

/**
 * Method and path of every route that the page calls. The table of the API carries its schemas with it, which a page has
 * no use for; the compiler holds the two together.
 */
export const paths = {
  door: ['GET', '/api/v1/door'],
  me: ['GET', '/api/v1/session'],
  login: ['POST', '/api/v1/session'],
  logout: ['DELETE', '/api/v1/session'],
  setup: ['POST', '/api/v1/setup'],
  overview: ['GET', '/api/v1/overview'],
  stack: ['GET', '/api/v1/stacks/:stack'],
  picture: ['GET', '/api/v1/stacks/:stack/picture'],
  points: ['GET', '/api/v1/stacks/:stack/points'],
  proofs: ['GET', '/api/v1/stacks/:stack/proofs'],
  file: ['GET', '/api/v1/stacks/:stack/file'],
  outside: ['GET', '/api/v1/stacks/:stack/outside'],
  differences: ['GET', '/api/v1/stacks/:stack/differences'],
  rescued: ['GET', '/api/v1/stacks/:stack/rescue'],
  counters: ['GET', '/api/v1/stacks/:stack/counters'],
  touchpoints: ['GET', '/api/v1/stacks/:stack/touchpoints'],
  sites: ['GET', '/api/v1/sites'],
  operations: ['GET', '/api/v1/operations'],
  operation: ['GET', '/api/v1/operations/:operation'],
  operationPlan: ['GET', '/api/v1/operations/:operation/plan'],
  operationLog: ['GET', '/api/v1/operations/:operation/log'],
  plan: ['POST', '/api/v1/plans'],
  start: ['POST', '/api/v1/operations'],
  resume: ['POST', '/api/v1/operations/:operation/resume'],
  abort: ['POST', '/api/v1/operations/:operation/abort'],
  approvals: ['GET', '/api/v1/approvals'],
  approve: ['POST', '/api/v1/approvals/:id'],
  withdraw: ['DELETE', '/api/v1/approvals/:id'],
  alarms: ['GET', '/api/v1/alarms'],
  schedules: ['GET', '/api/v1/schedules'],
  users: ['GET', '/api/v1/users'],
  addUser: ['POST', '/api/v1/users'],
  changeUser: ['PATCH', '/api/v1/users/:user'],
  removeUser: ['DELETE', '/api/v1/users/:user'],
  changePassword: ['POST', '/api/v1/password'],
  tokens: ['GET', '/api/v1/tokens'],
  addToken: ['POST', '/api/v1/tokens'],
  removeToken: ['DELETE', '/api/v1/tokens/:id'],
  audit: ['GET', '/api/v1/audit'],
  auditVerify: ['GET', '/api/v1/audit/verify'],
} as const satisfies { readonly [N in RouteName]?: readonly [Routes[N]['method'], Routes[N]['path']] }

export type PathName = keyof typeof paths
