import { connect } from 'node:net'

export type SilentService = { readonly site: string; readonly service: string; readonly why: string }
export type ServiceAt = {
  readonly site: string
  readonly service: string
  readonly address: string
  readonly port: number
}

const within_ms = 3000

/** Whether something accepts connections there; what it is stays unknown. */
export function probeTcp({ address, port }: Pick<ServiceAt, 'address' | 'port'>): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: within_ms })
    const end = (why: string | undefined) => {
      socket.destroy()
      resolve(why)
    }
    socket.on('connect', () => end(undefined))
    socket.on('timeout', () => end(`no answer from ${address}:${port} within ${within_ms / 1000} s`))
    socket.on('error', (error) => end(error.message))
  })
}
