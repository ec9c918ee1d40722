import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A self-signed certificate for some names, and the same with its key in one text, as a secret holds it. */
export function certificate(...names: readonly string[]): { readonly certificate: string; readonly pair: string } {
  const folder = mkdtempSync(join(tmpdir(), 'lifeboat-certificate-'))
  try {
    const [key, file] = [join(folder, 'key'), join(folder, 'crt')]
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', file]
    const alternatives = `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}`
    const made = ['req', '-x509', ...curve, '-days', '90', '-subj', `/CN=${names[0]}`, '-addext', alternatives]
    const { status, stderr } = spawnSync('openssl', made, { encoding: 'utf8' })
    if (status !== 0) throw new Error(`openssl makes no certificate: ${stderr}`)
    const text = readFileSync(file, 'utf8')
    return { certificate: text, pair: `${text}${readFileSync(key, 'utf8')}` }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
