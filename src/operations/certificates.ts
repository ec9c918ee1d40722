import { X509Certificate } from 'node:crypto'
import { activeView, type Situation } from './situation.ts'

/** When a certificate that clients are shown ends. */
export type ServedCertificate = {
  readonly site: string
  readonly appliance: string
  readonly secret: string
  readonly until: Date
}

/** The certificates of the stack's services, as the appliances of the active site have them. */
export function servedCertificates(situation: Situation): readonly ServedCertificate[] {
  const view = activeView(situation)
  if (view === undefined) return []
  const found = view.compiled.instances.flatMap((instance) => {
    if (instance.kind !== 'appliance') return []
    const certificates = view.answer?.inspected?.[instance.name]?.certificates ?? {}
    return instance.secrets.flatMap(({ path, secret }) => {
      const until = endOf(certificates[path])
      return until === undefined ? [] : [{ site: view.site.name, appliance: instance.name, secret, until }]
    })
  })
  return [...new Map(found.map((each) => [each.secret, each])).values()]
}

function endOf(pem: string | undefined): Date | undefined {
  try {
    return pem === undefined ? undefined : new X509Certificate(pem).validToDate
  } catch {
    // What serves it says that it is none.
    return undefined
  }
}
