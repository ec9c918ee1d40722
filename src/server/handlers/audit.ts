import { Readable } from 'node:stream'
import type { Audit } from '../audit.ts'
import type { Handlers } from '../route.ts'

export function auditHandlers(audit: Audit): Pick<Handlers, 'audit' | 'auditVerify' | 'auditExport'> {
  return {
    audit: ({ query }) => audit.list(query.limit, query.before),
    auditVerify: () => audit.verify(),
    auditExport: ({ reply }) => {
      const lines = function* () {
        for (const entry of audit.all()) yield `${JSON.stringify(entry)}\n`
      }
      return reply
        .type('application/x-ndjson')
        .header('content-disposition', 'attachment; filename="lifeboat-audit.ndjson"')
        .send(Readable.from(lines()))
    },
  }
}
