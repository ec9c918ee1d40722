import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { readDistribution } from './sources.ts'

const made: string[] = []
afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true })
})

function etcWith(codename: string, files: Readonly<Record<string, string>>): string {
  const etc = mkdtempSync(join(tmpdir(), 'lifeboat-etc-'))
  made.push(etc)
  mkdirSync(join(etc, 'apt/sources.list.d'), { recursive: true })
  writeFileSync(join(etc, 'os-release'), `NAME="Some OS"\nVERSION_CODENAME=${codename}\n`)
  for (const [path, text] of Object.entries(files)) writeFileSync(join(etc, 'apt', path), text)
  return etc
}

test('deb822 with comments between the fields, several suites, and a keyring', () => {
  const etc = etcWith('bookworm', {
    'sources.list.d/debian.sources': `Types: deb deb-src
# where this came from
URIs: http://archive.test/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main contrib
Signed-By: /usr/share/keyrings/debian.gpg

Types: deb
URIs: http://archive.test/security
Suites: bookworm-security
Components: main
Enabled: no
`,
  })
  expect(readDistribution(etc)).toEqual({
    codename: 'bookworm',
    sources: `Types: deb
URIs: http://archive.test/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian.gpg
`,
  })
})

test('an embedded key keeps its lines', () => {
  const etc = etcWith('trixie', {
    'sources.list.d/debian.sources': `Types: deb
URIs: http://archive.test/debian
Suites: trixie
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
 -----END PGP PUBLIC KEY BLOCK-----
`,
  })
  expect(readDistribution(etc).sources).toContain(
    'Signed-By: \n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n -----END PGP PUBLIC KEY BLOCK-----\n',
  )
})

test('one-line style with options; universe counts on Ubuntu, a third party without main does not', () => {
  const etc = etcWith('noble', {
    'sources.list': `# deb http://archive.test/ubuntu noble restricted
deb [arch=amd64 signed-by=/usr/share/keyrings/ubuntu.gpg] http://archive.test/ubuntu noble main universe # comment
deb-src http://archive.test/ubuntu noble main
`,
    'sources.list.d/other.list': 'deb http://other.test/apt noble stable\n',
    'sources.list.d/off.list.disabled': 'deb http://off.test/apt noble main\n',
  })
  expect(readDistribution(etc).sources).toBe(`Types: deb
URIs: http://archive.test/ubuntu
Suites: noble
Components: main universe
Signed-By: /usr/share/keyrings/ubuntu.gpg
`)
})

test('no source for the release is an error that says where to look', () => {
  const etc = etcWith('bookworm', { 'sources.list': 'deb http://archive.test/debian trixie main\n' })
  expect(() => readDistribution(etc)).toThrow(/no source for bookworm main .*sources\.list\.d/)
})
