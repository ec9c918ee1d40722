import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

export type Secrets = {
  /** Certificate of the CA that clients trust. */
  readonly ca: string
  /** Certificate and key of the name, in the order that HAProxy's `crt` wants. Mode 0600. */
  readonly pem: string
}

/**
 * Makes a CA and a certificate for STACK.example.com in `folder` unless they are there. The CA's key is not kept. Needs
 * openssl; throws with its words when it fails.
 */
export async function makeCertificate(folder: string, stack: string): Promise<Secrets> {
  const name = `${stack}.example.com`
  const secrets = { ca: join(folder, 'ca.crt'), pem: join(folder, `${stack}-tls.pem`) }
  if (existsSync(secrets.ca) && existsSync(secrets.pem)) return secrets
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const work = join(folder, '.new')
  await rm(work, { recursive: true, force: true })
  await mkdir(work, { mode: 0o700 })
  const at = (file: string) => join(work, file)
  try {
    await openssl([
      ...[
        'req',
        '-x509',
        ...newKey(at('ca.key')),
        '-out',
        at('ca.crt'),
        '-days',
        '825',
        '-subj',
        `/CN=${stack} example CA`,
      ],
      ...['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign'],
    ])
    await openssl(['req', '-new', ...newKey(at('key.pem')), '-out', at('csr.pem'), '-subj', `/CN=${name}`])
    await writeFile(at('ext'), `subjectAltName=DNS:${name}\nextendedKeyUsage=serverAuth\n`)
    await openssl([
      ...['x509', '-req', '-in', at('csr.pem'), '-CA', at('ca.crt'), '-CAkey', at('ca.key'), '-CAcreateserial'],
      ...['-days', '397', '-extfile', at('ext'), '-out', at('crt.pem')],
    ])
    const pem = `${await readFile(at('crt.pem'), 'utf8')}${await readFile(at('key.pem'), 'utf8')}`
    await writeFile(at('both.pem'), pem, { mode: 0o600 })
    await chmod(at('ca.crt'), 0o644)
    await rename(at('ca.crt'), secrets.ca)
    await rename(at('both.pem'), secrets.pem)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return secrets
}

function newKey(path: string): readonly string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', path]
}

const openssl_limit_ms = 30_000

async function openssl(args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)('openssl', args, { timeout: openssl_limit_ms })
  } catch (error) {
    const { stderr } = error as { stderr?: string }
    throw new Error(
      `openssl ${args[0]} failed, so the example has no certificate: ${stderr?.trim() || String(error)}`,
      {
        cause: error,
      },
    )
  }
}
