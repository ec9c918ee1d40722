import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseStack } from './parse.ts'
import type { Problem } from './problem.ts'
import { SHOP } from './reference-stack.ts'

test('the reference stack has no problems, and its defaults are filled in', () => {
  const { stack, problems } = parseStack(SHOP, 'shop.yaml')
  expect(problems).toEqual([])
  expect(stack?.machines.map(({ instances }) => instances)).toEqual([
    ['web1', 'web2'],
    ['app1', 'app2'],
    ['db1', 'db2'],
  ])
  expect(stack?.firewalls[0]?.rules[0]).toEqual({
    number: 1,
    verdict: 'allow',
    icmp: undefined,
    at: undefined,
    log: false,
    limit: undefined,
    protocol: 'tcp',
    ports: { first: 443, last: 443 },
    from: [{ kind: 'anyone' }],
    to: [{ kind: 'balanced', service: 'public' }],
    words: 'allow tcp/443 from anyone to public',
  })
  expect(stack?.load_balancers[0]?.services[2]?.target).toMatchObject({ pool: { check: { by: 'postgres-primary' } } })
  expect(stack?.protect?.keep).toEqual({ last: 24, hourly: 0, daily: 0 })
  expect(stack?.ingress).toEqual([{ name: 'shop.example.com', to: 'public', dns: true, ttl_s: 30, own: [] }])
})

test('a machine goes before a segment of the same name; the segment can be named as such', () => {
  const rules = '- { allow: icmp, from: web, to: segment front }'
  const text = SHOP.replace('inside: [front]', 'inside: [front, web]').replace('rules:', `rules:\n        ${rules}`)
  const { stack } = parseStack(text, 'shop.yaml')
  expect(stack?.firewalls[0]?.rules[0]).toMatchObject({
    from: [{ kind: 'machine', machine: 'web' }],
    to: [{ kind: 'segment', segment: 'front' }],
  })
})

test('locate tells where a value is', () => {
  expect(parseStack(SHOP, 'shop.yaml').locate(['secrets', 'shop-tls', 'file'])).toEqual({
    file: 'shop.yaml',
    line: 42,
    column: 21,
  })
})

test('a file over the limit is one problem', () => {
  const { problems } = parseStack(`${SHOP}#${'x'.repeat(1024 * 1024)}`, 'shop.yaml')
  expect(problems.map(({ what }) => what)).toEqual(['the file is larger than 1048576 bytes'])
})

test.each([['['], ['- '], ['? '], ['{a: ']])('nesting of %j beyond the call stack is one problem', (open) => {
  const { problems } = parseStack(open.repeat(20_000), 'deep.yaml')
  expect(problems.map(({ what }) => what)).toEqual(['nested too deeply to be read'])
})

test('an alias bomb is refused at once', () => {
  const bomb = [
    'a: &a [x, x]',
    ...'bcdefghijklmnopqrst'
      .split('')
      .map((name, index) => `${name}: &${name} [*${'abcdefghijklmnopqrst'[index]}, *a]`),
  ]
  expect(parseStack(bomb.join('\n'), 'bomb.yaml').problems.some(({ what }) => what === 'aliases are not allowed')).toBe(
    true,
  )
})

test('whatever a file holds: no exception, every problem has a place inside, and no stack comes with an error', () => {
  let broken = 0
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 6 }), (mutations) => {
      const text = mutations.reduce((before, mutate) => mutate(before), SHOP)
      const { stack, problems } = parseStack(text, 'fuzzed.yaml')
      for (const problem of problems) expect(isInside(text, problem)).toBe(true)
      const errors = problems.filter(({ level }) => level === 'error').length
      expect(stack === undefined).toBe(errors > 0)
      if (errors > 0) broken += 1
    }),
    { numRuns: 1500 },
  )
  // The mutations are worth something only where they break things.
  expect(broken).toBeGreaterThan(500)
})

function isInside(text: string, { at, what, hint }: Problem): boolean {
  const line = text.split('\n')[at.line - 1]
  return line !== undefined && at.column >= 1 && at.column <= line.length + 1 && !`${what}${hint}`.includes('\n')
}

const TOKENS = [
  ...[
    'web',
    'app',
    'front',
    'public',
    'ldap',
    'lb',
    'fw',
    'constructor',
    '__proto__',
    'anyone',
    'segment web',
    'nobody',
  ],
  ...[
    '10.10.2.0/24',
    '10.10.0.0/8',
    '10.10.2.3/24',
    '0.0.0.0/0',
    '1.2.3.4',
    '300.1.1.1/33',
    'tcp/443',
    'udp/1-0',
    'icmp',
  ],
  ...[
    'true',
    '~',
    '-1',
    '1e9',
    '.nan',
    '99999999999999999999',
    '""',
    '[]',
    '{}',
    '[a, [b]]',
    '{ a: { b: c } }',
    '&a',
    '*a',
    '!!binary x',
  ],
  ...[
    ': ',
    '- ',
    '\t',
    '\n',
    '{',
    '}',
    '[',
    ']',
    '"',
    "'",
    '#',
    '|',
    '>',
    '---\n',
    '...\n',
    '? ',
    '<<: ',
    '%YAML 9\n',
    '\0',
    '\uFFFD',
    '\uFEFF',
    '\r\n',
    '\u2028',
    '😀',
  ],
]

const token = fc.constantFrom(...TOKENS)

/** Changes of a text: words replaced, lines moved, doubled and dropped, pieces put in and cut out. */
const mutation: fc.Arbitrary<(text: string) => string> = fc.oneof(
  fc.tuple(fc.nat(), token).map(([at, put]) => (text: string) => {
    const words = [...text.matchAll(/[\w./-]+/g)]
    const word = words[at % Math.max(1, words.length)]
    return word === undefined ? put : text.slice(0, word.index) + put + text.slice(word.index + word[0].length)
  }),
  fc.tuple(fc.nat(), fc.nat(), fc.boolean()).map(([from, to, keep]) => (text: string) => {
    const lines = text.split('\n')
    const line = lines[from % lines.length] ?? ''
    if (!keep) lines.splice(from % lines.length, 1)
    lines.splice(to % (lines.length + 1), 0, line)
    return lines.join('\n')
  }),
  fc.tuple(fc.nat(), fc.oneof(token, fc.string({ maxLength: 4 }))).map(([at, put]) => (text: string) => {
    const place = at % (text.length + 1)
    return text.slice(0, place) + put + text.slice(place)
  }),
  fc.tuple(fc.nat(), fc.nat({ max: 30 })).map(([at, size]) => (text: string) => {
    const place = at % (text.length + 1)
    return text.slice(0, place) + text.slice(place + size)
  }),
)
