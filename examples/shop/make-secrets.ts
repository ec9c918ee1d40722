import { join } from 'node:path'
import { makeCertificate, type Secrets } from '../certificate.ts'

/** Makes a CA and a certificate for shop.example.com in `folder` unless they are there. */
export const makeSecrets = (folder: string): Promise<Secrets> => makeCertificate(folder, 'shop')

if (import.meta.main) {
  const { ca, pem } = await makeSecrets(process.argv[2] ?? join(import.meta.dirname, 'secrets'))
  console.log(`${ca}\n${pem}`)
}
