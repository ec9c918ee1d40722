import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { startTour, type Tour } from '../../lab/tour/start.ts'

const programs = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** The browser of the machine. Ubuntu's packages have none that runs outside a snap: there the tests are skipped, and say so. */
export const program = programs.find((path) => existsSync(path))

/** The real server over sites in memory, a browser, and a cable between the two that can be pulled. */
export type Stage = {
  readonly tour: Tour
  readonly cable: Cable
  readonly address: string
  /** A browser of its own: cookies, storage, tabs. Everything that goes wrong in a page is in `wrong`. */
  person(options?: PersonOptions): Promise<Person>
  close(): Promise<void>
}
export type PersonOptions = {
  readonly role?: 'viewer' | 'operator' | 'commander' | 'admin'
  readonly width?: number
  readonly dark?: boolean
}
export type Person = { readonly context: BrowserContext; readonly page: Page; readonly wrong: string[] }

export async function openStage({ speed = 10 }: { readonly speed?: number } = {}): Promise<Stage> {
  const dir = mkdtempSync(join(tmpdir(), 'lifeboat-browser-'))
  const tour = await startTour({ dir, port: 0, speed })
  const cable = await plugIn(Number(new URL(tour.address).port))
  const address = `http://127.0.0.1:${cable.port}`
  const browser = await openBrowser()
  return {
    tour,
    cable,
    address,
    async person({ role = 'admin', width = 1280, dark = false } = {}) {
      const context = await browser.newContext({
        baseURL: address,
        viewport: { width, height: 800 },
        colorScheme: dark ? 'dark' : 'light',
      })
      await context.addCookies([{ name: 'tour-role', value: role, url: address }])
      const page = await context.newPage()
      page.setDefaultTimeout(20_000)
      const wrong: string[] = []
      page.on('pageerror', (error) => wrong.push(String(error)))
      page.on('console', (message) => message.type() === 'error' && wrong.push(message.text()))
      page.on('request', (request) => {
        const host = new URL(request.url()).host
        if (host !== new URL(address).host && !request.url().startsWith('data:')) wrong.push(`asked ${host}`)
      })
      return { context, page, wrong }
    },
    async close() {
      await browser.close()
      await cable.remove()
      await tour.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: program!,
    args: [
      // The sandbox of the browser needs a user that is not root; what it shows here is our own.
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

export type Cable = { readonly port: number; pull(): void; plug(): void; remove(): Promise<void> }

/** Passes connections on, until the cable is pulled: then all of them break and no other gets through. */
async function plugIn(to: number): Promise<Cable> {
  const sockets = new Set<Socket>()
  let pulled = false
  const server: Server = createServer((near) => {
    if (pulled) {
      near.destroy()
      return
    }
    const far = connect(to, '127.0.0.1')
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
    near.pipe(far).pipe(near)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const breakAll = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: (server.address() as { port: number }).port,
    pull() {
      pulled = true
      breakAll()
    },
    plug() {
      pulled = false
    },
    remove() {
      breakAll()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
