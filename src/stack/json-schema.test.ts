import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { stackJsonSchema } from './json-schema.ts'

test('docs/stack.schema.json is current: node src/stack/json-schema.ts > docs/stack.schema.json', () => {
  const committed = readFileSync(new URL('../../docs/stack.schema.json', import.meta.url), 'utf8')
  expect(committed).toBe(stackJsonSchema())
})
