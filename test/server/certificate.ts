import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type Pair = { readonly key: string; readonly cert: string }

/** A certificate that signs itself, as PEM; `names` as openssl takes subjectAltName. */
export function makeCertificate(
  name: string,
  { days = 2, names }: { readonly days?: number; readonly names?: string } = {},
): Pair {
  const dir = mkdtempSync(join(tmpdir(), 'lifeboat-certificate-'))
  try {
    const [key, cert] = [join(dir, 'key'), join(dir, 'crt')]
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    const alternatives = names === undefined ? [] : ['-addext', `subjectAltName=${names}`]
    const to = ['-keyout', key, '-out', cert]
    execFileSync(
      'openssl',
      ['req', '-x509', ...curve, '-days', `${days}`, '-subj', `/CN=${name}`, ...alternatives, ...to],
      {
        stdio: 'ignore',
      },
    )
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  } finally {
    rmSync(dir, { recursive: true })
  }
}
