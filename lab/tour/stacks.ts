import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { selfSigned } from './certificate.ts'

/** The stacks of the tour: the reference stack under several names, smaller and larger. */
export const names = ['shop', 'wiki', 'mail', 'invoices', 'crm', 'intranet'] as const
export type TourStack = (typeof names)[number]

const shape: Readonly<Record<TourStack, { readonly rpo: string; readonly web: number; readonly db: number }>> = {
  shop: { rpo: '20m', web: 2, db: 2 },
  wiki: { rpo: '2h', web: 1, db: 1 },
  mail: { rpo: '2h', web: 2, db: 1 },
  invoices: { rpo: '20m', web: 2, db: 2 },
  crm: { rpo: '2h', web: 3, db: 2 },
  intranet: { rpo: '2h', web: 1, db: 1 },
}

/** Writes the stack files below a folder, each with a certificate that was good a day ago and is for a year. */
export function writeStacks(dir: string, now: Date): void {
  const from = new Date(now.getTime() - 7 * 86_400_000)
  const to = new Date(now.getTime() + 365 * 86_400_000)
  const example = readFileSync(join(import.meta.dirname, '../../examples/shop/stack.yaml'), 'utf8')
  for (const name of names) {
    mkdirSync(join(dir, name, 'secrets'), { recursive: true, mode: 0o700 })
    const pem = selfSigned(`${name}.example.com`, from, to)
    writeFileSync(join(dir, name, 'secrets', `${name}-tls.pem`), pem, { mode: 0o600 })
    writeFileSync(fileOf(dir, name), stackText(example, name))
  }
}

export const fileOf = (dir: string, name: TourStack): string => join(dir, name, 'stack.yaml')

function stackText(example: string, name: TourStack): string {
  const { rpo, web, db } = shape[name]
  return example
    .replaceAll('shop', name)
    .replace(/(web: \{.*count: )\d+/, `$1${web}`)
    .replace(/(db: \{.*count: )\d+/, `$1${db}`)
    .replace(/rpo: \w+/, `rpo: ${rpo}`)
}
