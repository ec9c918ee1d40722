import { Command, InvalidArgumentError } from 'commander'
import { compareRescue, plan, type RescueDifference } from '../lifeboat.ts'
import type { RescueRequest } from '../operations/rescue.ts'
import { openLifeboat } from './open.ts'
import { close, runAttended, runVerb, showRan, showRefusal } from './run.ts'

type Options = {
  readonly epoch?: number
  readonly stop?: boolean
  readonly discard?: string
  readonly json?: boolean
}

export function rescueCommand(): Command {
  return new Command('rescue')
    .description('start what was set aside of a site that lost its role, isolated, and say what only it holds')
    .argument('<stack>', 'name of a stack')
    .option('--epoch <number>', 'of several copies the one of this epoch (default: the newest)', epochOf)
    .option('--stop', 'remove the clone that was started; what was set aside stays')
    .option('--discard <stack>', "let the copy go for good: the stack's name once more")
    .option('--json', 'the report, or the difference, as JSON')
    .action(async (stack: string, options: Options, command: Command) => {
      const request: RescueRequest = {
        do: options.discard !== undefined ? 'discard' : options.stop === true ? 'stop' : 'look',
        epoch: options.epoch,
        consent: options.discard,
      }
      if (request.do === 'look') await look(command, stack, request, options.json === true)
      else await runVerb(command, { verb: 'rescue', stack, ...request }, options)
    })
}

function epochOf(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('an epoch is a number from 1 on')
  return Number(text)
}

async function look(command: Command, stack: string, request: RescueRequest, json: boolean): Promise<void> {
  const lifeboat = openLifeboat(command)
  try {
    const planned = await plan(lifeboat, { verb: 'rescue', stack, ...request }, lifeboat.clock.now())
    if ('refused' in planned) {
      showRefusal(planned.refused, json)
      return
    }
    if (!json) console.log(`rescue ${stack}: ${planned.plan.summary}`)
    const ran = await runAttended(lifeboat, planned.plan, json)
    if (ran.outcome !== 'done') {
      showRan(ran, json)
      return
    }
    const found = await compareRescue(lifeboat, stack, request.epoch, lifeboat.clock.now())
    if ('refused' in found) showRefusal(found.refused, json)
    else console.log(json ? JSON.stringify(found, undefined, 2) : differenceText(found))
  } finally {
    await close(lifeboat)
  }
}

function differenceText(found: RescueDifference): string {
  const lines = [`  the copy of epoch ${found.epoch} runs at ${found.site}, connected to nothing:`]
  for (const machine of found.machines) lines.push(`    incus exec --project ${found.project} ${machine} -- bash`)
  if (found.only_here === undefined)
    lines.push('  what only it holds is not known: the stack file names no protect.records')
  else {
    lines.push(
      `  ${found.held} records; ${found.only_here.length} of them are not at ${found.active}, where the stack is active`,
    )
    for (const record of found.only_here.slice(0, shown)) lines.push(`    ${record}`)
    if (found.only_here.length > shown)
      lines.push(`    ... and ${found.only_here.length - shown} more (--json has all)`)
  }
  lines.push(
    `  when you have seen enough: lifeboat rescue ${found.stack} --stop`,
    `  to let the copy go for good: lifeboat rescue ${found.stack} --discard ${found.stack}`,
    '',
  )
  return lines.join('\n')
}

const shown = 20
