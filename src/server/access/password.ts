import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { ApiProblem } from '../problem.ts'

/** 64 MiB and a fifth of a second for each try: OWASP's parameters for scrypt are N=2^17; this leaves room for two at once. */
const parameters = { N: 2 ** 16, r: 8, p: 1, maxmem: 128 * 1024 * 1024 } as const
const at_once = 2
const most_waiting = 16

/** `scrypt$65536$8$1$SALT$HASH`: an old one stays readable when the parameters grow. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  const hash = await derive(password, salt, parameters)
  return ['scrypt', parameters.N, parameters.r, parameters.p, salt.toString('base64'), hash.toString('base64')].join(
    '$',
  )
}

/** Takes the same time whether there is such a user or not: without a stored hash it works for nothing. */
export async function isPassword(password: string, stored: string | undefined): Promise<boolean> {
  const [, N, r, p, salt, hash] = (stored ?? nobody).split('$')
  const wanted = Buffer.from(hash ?? '', 'base64')
  const found = await derive(password, Buffer.from(salt ?? '', 'base64'), {
    ...parameters,
    N: Number(N),
    r: Number(r),
    p: Number(p),
  })
  return timingSafeEqual(found, wanted) && stored !== undefined
}

const nobody = `scrypt$${parameters.N}$8$1$${randomBytes(16).toString('base64')}$${randomBytes(32).toString('base64')}`

let working = 0
const waiting: (() => void)[] = []

/** Few at once: a crowd at the door must not take the memory that replication needs. */
async function derive(password: string, salt: Buffer, cost: typeof parameters | Cost): Promise<Buffer> {
  if (working >= at_once) {
    if (waiting.length >= most_waiting)
      throw new ApiProblem('too-many', 'too many people sign in at once', { hint: 'try again in a minute' })
    await new Promise<void>((resolve) => waiting.push(resolve))
  }
  working++
  try {
    return await new Promise((resolve, reject) =>
      scrypt(password.normalize('NFKC'), salt, 32, cost, (error, key) =>
        error === null ? resolve(key) : reject(error),
      ),
    )
  } finally {
    working--
    waiting.shift()?.()
  }
}

type Cost = { readonly N: number; readonly r: number; readonly p: number; readonly maxmem: number }
