import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { compileWatch } from '../src/compile/watch.ts'
import { parseStack } from '../src/stack/parse.ts'
import { checkNftables } from './golden-tools.ts'

const shop = join(import.meta.dirname, 'golden/shop')
const file = join(shop, 'stack.yaml')
const { stack } = parseStack(readFileSync(file, 'utf8'), file)
if (stack === undefined) throw new Error('the golden shop has problems')

test('what the watch of the shop is made of is as written down', async () => {
  const watch = compileWatch(stack, { site: 'west', services: { ldap: '10.102.0.30', billing: '10.102.0.40' } })
  const text = watch?.files.map((each) => `== ${each.path}\n${each.text}`).join('\n') ?? ''
  const legs = watch?.legs.map((each) => `${each.interface} ${each.mac}`).join('\n')
  await expect(`${legs}\n\n${text}`).toMatchFileSnapshot(join(shop, 'watch.txt'))
})

test('a service that has no address at the site is not asked, and a stack that touches nothing has no watch', () => {
  const watch = compileWatch(stack, { site: 'west', services: { ldap: '10.102.0.30' } })
  expect(watch?.services.map((each) => each.name)).toEqual(['ldap'])
  expect(compileWatch({ ...stack, nats: [], firewalls: [] }, { site: 'west', services: {} })).toBeUndefined()
})

test('the filter of the watch is one that nft takes', ({ skip }) => {
  if (process.getuid?.() !== 0) skip('nft needs root')
  const scratch = mkdtempSync(join(tmpdir(), 'lifeboat-watch-'))
  const watch = compileWatch(stack, { site: 'west', services: { ldap: '10.102.0.30', billing: '10.102.0.40' } })
  const text = watch?.files.find((each) => each.path === '/etc/nftables.conf')?.text ?? ''
  expect(text).not.toBe('')
  expect(checkNftables(text, scratch)).toBe('')
  rmSync(scratch, { recursive: true })
})
