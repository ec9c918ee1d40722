import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { formatDuration } from '../../src/lib/duration.ts'
import { plays } from './play.ts'
import { startTour } from './start.ts'

/** `npm run tour`: the controller and its page over two sites in memory, with a day behind them and faults to play with. */
const { values } = parseArgs({ options: { port: { type: 'string', default: '8480' } } })
const dir = mkdtempSync(join(tmpdir(), 'lifeboat-tour-'))
const began = performance.now()
const tour = await startTour({ dir, port: Number(values.port) }).catch((error: NodeJS.ErrnoException) => {
  rmSync(dir, { recursive: true, force: true })
  if (error.code !== 'EADDRINUSE') throw error
  console.error(`something listens on port ${values.port} already: npm run tour -- --port ANOTHER`)
  process.exit(1)
})
console.log(`a day of two sites was lived in ${formatDuration(performance.now() - began)}; you are admin of it`)
console.log(`\n  ${tour.address}\n`)
console.log('type to play, ctrl-c to end; nothing outside this process is touched:')
for (const [name, { about }] of Object.entries(plays)) console.log(`  ${name.padEnd(16)} ${about}`)

const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  if (line.trim() === '') return
  const said = tour.play(line.trim())
  console.log(said)
})
let ending = false
const end = async () => {
  if (ending) return
  ending = true
  lines.close()
  await tour.close()
  rmSync(dir, { recursive: true, force: true })
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void end())
