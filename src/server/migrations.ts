/** In order; what was released once is never changed, only followed. The number of those that ran is the user_version. */
export const migrations: readonly string[] = [
  `CREATE TABLE operations (
     operation TEXT PRIMARY KEY,
     stack TEXT NOT NULL,
     verb TEXT NOT NULL,
     decided_at TEXT NOT NULL,
     entry TEXT NOT NULL,
     report TEXT
   ) STRICT;
   CREATE INDEX operations_by_stack ON operations (stack, operation);
   CREATE TABLE samples (
     stack TEXT NOT NULL,
     slot INTEGER NOT NULL,
     age_s INTEGER NOT NULL,
     PRIMARY KEY (stack, slot)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE users (
     user TEXT PRIMARY KEY,
     role TEXT NOT NULL,
     secret TEXT,
     subject TEXT UNIQUE,
     made_at TEXT NOT NULL,
     seen_at TEXT,
     disabled INTEGER NOT NULL DEFAULT 0
   ) STRICT;
   CREATE TABLE sessions (
     hash TEXT PRIMARY KEY,
     user TEXT NOT NULL REFERENCES users (user) ON DELETE CASCADE,
     csrf TEXT NOT NULL,
     made_at INTEGER NOT NULL,
     seen_at INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE tokens (
     id TEXT PRIMARY KEY,
     hash TEXT NOT NULL UNIQUE,
     name TEXT NOT NULL,
     role TEXT NOT NULL,
     user TEXT NOT NULL REFERENCES users (user) ON DELETE CASCADE,
     made_at TEXT NOT NULL,
     expires_at TEXT,
     seen_at TEXT
   ) STRICT;
   CREATE TABLE setup (hash TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) STRICT;
   CREATE TABLE once (
     key TEXT NOT NULL,
     who TEXT NOT NULL,
     request TEXT NOT NULL,
     answer TEXT,
     at INTEGER NOT NULL,
     PRIMARY KEY (key, who)
   ) STRICT;
   CREATE TABLE approvals (
     id TEXT PRIMARY KEY,
     by TEXT NOT NULL,
     at TEXT NOT NULL,
     expires_at TEXT NOT NULL,
     summary TEXT NOT NULL,
     request TEXT NOT NULL
   ) STRICT;
   CREATE TABLE audit (
     n INTEGER PRIMARY KEY,
     at TEXT NOT NULL,
     who TEXT NOT NULL,
     origin TEXT,
     what TEXT NOT NULL,
     about TEXT,
     details TEXT NOT NULL,
     before TEXT NOT NULL,
     hash TEXT NOT NULL
   ) STRICT;
   CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
   CREATE TRIGGER audit_is_not_cut BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
   CREATE TABLE alarms (
     id TEXT PRIMARY KEY,
     key TEXT NOT NULL,
     alarm TEXT NOT NULL,
     opened_at TEXT NOT NULL,
     repeated_at TEXT,
     resolved_at TEXT
   ) STRICT;
   CREATE UNIQUE INDEX alarms_open ON alarms (key) WHERE resolved_at IS NULL;
   CREATE TABLE pools (
     site TEXT NOT NULL,
     slot INTEGER NOT NULL,
     free_bytes INTEGER NOT NULL,
     PRIMARY KEY (site, slot)
   ) STRICT, WITHOUT ROWID;`,
  // Begun by this controller, and so taken up by its next start; what the CLI began is not.
  'ALTER TABLE operations ADD COLUMN mine INTEGER NOT NULL DEFAULT 0',
  // What was asked for, where that takes several operations: the next one begins also after a restart.
  'ALTER TABLE operations ADD COLUMN goal TEXT',
  // What clients got, by half hour.
  `CREATE TABLE ingress (
     stack TEXT NOT NULL,
     ask TEXT NOT NULL,
     slot INTEGER NOT NULL,
     tries INTEGER NOT NULL,
     good INTEGER NOT NULL,
     slowest_ms INTEGER NOT NULL,
     PRIMARY KEY (stack, ask, slot)
   ) STRICT, WITHOUT ROWID;`,
  // What is looked for among cycles that come every few seconds.
  `CREATE INDEX operations_told ON operations (operation)
     WHERE verb <> 'replicate' OR json_extract(entry, '$.outcome') <> 'done'`,
]
