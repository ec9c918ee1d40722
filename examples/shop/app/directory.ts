import { createHash } from 'node:crypto'
import { Client, InvalidCredentialsError } from 'ldapts'
import type { settings } from './settings.ts'

export type Login = 'accepted' | 'refused' | 'unavailable'

export type Directory = {
  readonly login: (user: string, password: string) => Promise<Login>
  /** What the latest bind said; undefined when none was made yet. */
  readonly lastState: () => string | undefined
}

/** Checks logins by a bind at the central directory. Only accepted logins are remembered, and briefly. */
export function openDirectory(options: typeof settings.directory): Directory {
  const accepted = new Map<string, number>()
  let state: string | undefined

  const bind = async (user: string, password: string): Promise<Login> => {
    const client = new Client({ url: options.url, timeout: options.bind_ms, connectTimeout: options.bind_ms })
    try {
      await client.bind(options.userDn(user), password)
      state = 'ok'
      return 'accepted'
    } catch (error) {
      if (error instanceof InvalidCredentialsError) {
        state = 'ok'
        return 'refused'
      }
      state = String(error)
      return 'unavailable'
    } finally {
      client.unbind().catch(() => {})
    }
  }

  return {
    login: async (user, password) => {
      // Letters that a DN would need escaped are in no user name here. An empty password would bind anonymously
      // (RFC 4513, 5.1.2) and must never pass for a login.
      if (!/^[a-z][a-z0-9._-]{0,31}$/.test(user) || password === '') return 'refused'
      const key = createHash('sha256').update(`${user}\0${password}`).digest('base64')
      if ((accepted.get(key) ?? 0) > Date.now()) return 'accepted'
      const login = await bind(user, password)
      if (login === 'accepted') accepted.set(key, Date.now() + options.remember_ms)
      else accepted.delete(key)
      return login
    },
    lastState: () => state,
  }
}
