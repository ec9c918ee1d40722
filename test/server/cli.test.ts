import type { Command } from 'commander'
import { expect, test } from 'vitest'
import type { z } from 'zod'
import { OperationRequest } from '../../src/api/operations.ts'
import { type Route, type RouteName, routes } from '../../src/api/routes.ts'

/**
 * Whatever a command of the CLI takes, the API has under one of its routes, or here stands why not. A new command or option
 * fails until somebody has said which.
 */
type Elsewhere = { readonly route: RouteName } | { readonly not: string }

const file = { not: 'works on a file of the caller, without any site' } as const
const schedule = { not: 'a controller replicates by itself, as protect.rpo says' } as const

/** Commands that are verbs of POST /operations, and what their options are called there. */
const verbs: Readonly<Record<string, Readonly<Record<string, string | Elsewhere>>>> = {
  deploy: { file: 'file', '--site': 'site', '--remove': 'remove', '--overwrite': 'overwrite' },
  replicate: { stack: 'stack', '--every': schedule },
  drill: {
    stack: 'stack',
    '--point': 'point',
    '--keep': 'keep',
    '--remove': 'remove',
    '--gone': 'gone',
    '--promote': 'promote',
    '--site-is-down': 'down',
    '--acknowledged': { route: 'loss' },
  },
  failover: {
    stack: 'stack',
    '--to': 'to',
    '--point': 'point',
    '--site-is-down': 'down',
    '--acknowledged': { route: 'loss' },
  },
  move: { stack: 'stack', '--to': 'to' },
  failback: { stack: 'stack' },
  reprotect: { stack: 'stack' },
  guard: { stack: 'stack' },
  rescue: { stack: 'stack', '--epoch': 'epoch', '--stop': 'do', '--discard': 'confirm' },
  destroy: { stack: 'stack', '--site': 'site', '--consent': 'confirm' },
}

/** Of all other commands: by option, or for the whole. */
const others: Readonly<Record<string, Elsewhere | Readonly<Record<string, Elsewhere>>>> = {
  check: file,
  show: file,
  render: file,
  touchpoints: { route: 'touchpoints' },
  plan: { route: 'plan' },
  diff: { stack: { route: 'differences' }, file: { route: 'differences' } },
  status: { stack: { route: 'stack' } },
  points: { stack: { route: 'points' }, '--space': { route: 'points' } },
  report: {
    operation: { route: 'operation' },
    '--steps': { route: 'operation' },
    '--html': { route: 'operationHtml' },
  },
  history: { stack: { route: 'operations' } },
  resume: { operation: { route: 'resume' } },
  abort: { operation: { route: 'abort' } },
  serve: { not: 'is the API' },
  'audit verify': { route: 'auditVerify' },
  'audit export': { route: 'auditExport' },
  'site routes': {
    site: { route: 'siteRoutes' },
    '--dialect': { route: 'siteRoutes' },
    '--password': { not: 'a secret of the site file does not leave its machine' },
  },
  lab: { not: 'two sites on one machine, to try things out' },
}

const names = [...Object.keys(verbs), ...Object.keys(others)].map((name) => name.split(' ')[0] ?? '')

test.each([...new Set(names)])('%s', async (name) => {
  const module = (await import(`../../src/cli/${name}.ts`)) as Readonly<Record<string, () => Command>>
  const command = module[`${name}Command`]?.()
  if (command === undefined) throw new Error(`src/cli/${name}.ts has no ${name}Command`)
  const commands = command.commands.length === 0 || name === 'lab' ? [command] : command.commands
  for (const each of commands) {
    const called = each === command ? name : `${name} ${each.name()}`
    const takes = [
      ...each.registeredArguments.map((argument) => argument.name()),
      ...each.options.map((option) => option.long ?? option.flags).filter((option) => option !== '--json'),
    ]
    const fields = verbs[name]
    if (fields !== undefined) {
      expect(Object.keys(fields).sort()).toEqual(takes.sort())
      for (const [option, field] of Object.entries(fields))
        if (typeof field === 'string') expect(shapeOf(name), `${name} ${option}`).toContain(field)
      continue
    }
    const known = others[called]
    expect(known, `${called}: where is it in the API?`).toBeDefined()
    if (known !== undefined && !('route' in known) && !('not' in known))
      expect(Object.keys(known).sort()).toEqual(takes.sort())
  }
})

test('each command of the CLI is one of these, and each route that is named is there', async () => {
  const { readFileSync } = await import('node:fs')
  const main = readFileSync(new URL('../../src/cli/main.ts', import.meta.url), 'utf8')
  const commands = [...main.matchAll(/^ {2}(\w+): async \(\) =>/gm)].map((each) => each[1] ?? '')
  expect([...new Set(names)].sort()).toEqual(commands.sort())
  const all: readonly Elsewhere[] = [...Object.values(verbs), ...Object.values(others)].flatMap((each) =>
    'route' in each || 'not' in each
      ? [each as Elsewhere]
      : Object.values(each).filter((value): value is Elsewhere => typeof value !== 'string'),
  )
  for (const each of all) if ('route' in each) expect(routes[each.route] satisfies Route).toBeDefined()
})

/** Members of the request for a verb. */
function shapeOf(verb: string): readonly string[] {
  const found = (OperationRequest.options as readonly z.ZodObject[]).find(
    (option) => (option.shape.verb as z.ZodLiteral).value === verb,
  )
  return Object.keys(found?.shape ?? {})
}
