import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Before the unit tests: a certificate with its key for the stacks that are deployed to engines in memory, unless it is
 * there. A deploy reads what it will bring, and a key has no place in a repository.
 */
export function setup(): void {
  const folder = join(import.meta.dirname, 'every-step')
  const file = join(folder, 'stand-in.txt')
  if (existsSync(file)) return
  const work = mkdtempSync(join(folder, '.stand-in-'))
  try {
    const [key, certificate, whole] = ['key', 'crt', 'whole'].map((name) => join(work, name)) as [
      string,
      string,
      string,
    ]
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key]
    const names = ['-subj', '/CN=stand-in', '-addext', 'subjectAltName=DNS:*.example.com']
    const made = ['req', '-x509', ...curve, '-out', certificate, '-days', '3650', ...names]
    const { status, stderr } = spawnSync('openssl', made, { encoding: 'utf8' })
    if (status !== 0) throw new Error(`openssl makes no stand-in certificate: ${stderr}`)
    writeFileSync(whole, `${readFileSync(certificate, 'utf8')}${readFileSync(key, 'utf8')}`, { mode: 0o600 })
    renameSync(whole, file)
  } finally {
    rmSync(work, { recursive: true })
  }
}
