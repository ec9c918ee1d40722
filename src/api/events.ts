import { z } from 'zod'
import { LogLine, OperationEntry, OperationReport } from './operations.ts'
import { StackSummary } from './stacks.ts'
import { Alarm, SiteView } from './watch.ts'
import { OperationId, StackName } from './words.ts'

/**
 * What `/api/v1/events` sends: `event:` is the type, `data:` the JSON, `id:` where to go on. A reader that comes back sends
 * the last id it saw as Last-Event-ID and gets what it missed; where that is too long ago it gets `reset` and reads anew.
 */
export const StreamEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('reset') }),
  z.object({ type: z.literal('stack'), stack: StackSummary }),
  z.object({ type: z.literal('stack-gone'), stack: StackName }),
  z.object({ type: z.literal('site'), site: SiteView }),
  z.object({ type: z.literal('operation'), operation: OperationEntry }),
  z.object({ type: z.literal('step'), operation: OperationId, step: OperationReport.shape.steps.element }),
  z.object({ type: z.literal('log'), operation: OperationId, line: LogLine }),
  z.object({ type: z.literal('alarm'), alarm: Alarm }),
])
export type StreamEvent = z.infer<typeof StreamEvent>
