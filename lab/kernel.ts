import { readFile, writeFile } from 'node:fs/promises'

const path = '/proc/sys/fs/inotify/max_user_instances'
const wanted = 8192

/**
 * systemd takes inotify instances in every container, and the kernel counts those of all containers that root started together:
 * 128 by default, which two stacks and their drills use up. Raised for this machine until its next boot, never lowered.
 */
export async function ensureInotify(log: (line: string) => void): Promise<void> {
  const now = Number(await readFile(path, 'utf8'))
  if (now >= wanted) return
  try {
    await writeFile(path, String(wanted))
    log(`kernel: fs.inotify.max_user_instances raised from ${now} to ${wanted}, until the next boot`)
  } catch {
    log(`kernel: fs.inotify.max_user_instances is ${now} and cannot be raised here: few containers will start`)
  }
}
