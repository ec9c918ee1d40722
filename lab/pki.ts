import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, copyFile, mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { incusDirOf, labPaths } from './paths.ts'
import { run } from './run.ts'
import type { SiteName } from './topology.ts'

/** Keys and secrets of this lab, made anew by the first `up`: client certificate, TSIG key, BGP password. */
export async function ensurePki(): Promise<void> {
  await mkdir(labPaths.pki, { recursive: true, mode: 0o700 })
  const key = join(labPaths.pki, 'client.key')
  const certificate = join(labPaths.pki, 'client.crt')
  if (!existsSync(certificate)) {
    await run([
      ...[
        'openssl',
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-384',
        '-nodes',
        '-sha384',
        '-days',
        '365',
      ],
      ...[
        '-subj',
        '/CN=lifeboat',
        '-addext',
        'extendedKeyUsage=clientAuth',
        '-keyout',
        key,
        '-out',
        `${certificate}.new`,
      ],
    ])
    await chmod(key, 0o600)
    await chmod(`${certificate}.new`, 0o600)
    // Last, and at once: a certificate in place means that its key is there too.
    await rename(`${certificate}.new`, certificate)
  }
  await ensureSecret('tsig.key', () => randomBytes(32).toString('base64'))
  await ensureSecret('bgp.key', () => randomBytes(18).toString('base64url'))
}

/** What the other side pins: the certificate that the site's Incus made for itself at its first start. */
export async function publishServerCertificate(site: SiteName): Promise<void> {
  const file = join(labPaths.pki, `${site}.crt`)
  await copyFile(join(incusDirOf(site), 'server.crt'), file)
  await chmod(file, 0o600)
}

async function ensureSecret(name: string, make: () => string): Promise<void> {
  const file = join(labPaths.pki, name)
  if (!existsSync(file)) await writeFile(file, make(), { mode: 0o600 })
}
