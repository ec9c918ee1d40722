import { z } from 'zod'
import { StackFile } from './schema.ts'

/** JSON Schema (draft 2020-12) of the stack file as it is written, for editors. `node src/stack/json-schema.ts` prints it. */
export function stackJsonSchema(): string {
  const schema = z.toJSONSchema(StackFile, { io: 'input', reused: 'inline' })
  return `${JSON.stringify({ title: 'Lifeboat stack', ...schema }, undefined, 2)}\n`
}

if (import.meta.main) process.stdout.write(stackJsonSchema())
