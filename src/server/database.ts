import { chmodSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { migrations } from './migrations.ts'

export type Database = DatabaseSync

/** Opens the controller's own records and brings them to the newest form. What matters is held at the sites, not here. */
export function openDatabase(path: string): Database {
  const database = new DatabaseSync(path, { enableForeignKeyConstraints: true })
  // 0600: hashes of passwords and tokens, names of people.
  if (path !== ':memory:') chmodSync(path, 0o600)
  database.exec('PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000; PRAGMA synchronous = FULL')
  const { user_version } = database.prepare('PRAGMA user_version').get() as { user_version: number }
  if (user_version > migrations.length) {
    database.close()
    throw new Error(
      `${path} was written by a newer Lifeboat (form ${user_version}, this one knows ${migrations.length}); start that one`,
    )
  }
  for (let version = user_version; version < migrations.length; version++) {
    atOnce(database, () => {
      database.exec(migrations[version] ?? '')
      database.exec(`PRAGMA user_version = ${version + 1}`)
    })
  }
  return database
}

/** All or nothing, as seen after a crash too. */
export function atOnce<T>(database: Database, work: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const value = work()
    database.exec('COMMIT')
    return value
  } catch (error) {
    database.exec('ROLLBACK')
    throw error
  }
}
