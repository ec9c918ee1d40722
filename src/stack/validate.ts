import { checkAddresses } from './check-addresses.ts'
import { checkFreeze } from './check-freeze.ts'
import { checkGroups } from './check-groups.ts'
import { checkIngress } from './check-ingress.ts'
import { checkNames } from './check-names.ts'
import { checkNeeds } from './check-needs.ts'
import { checkPrefixes } from './check-prefixes.ts'
import { checkReach } from './check-reach.ts'
import { checkReferences } from './check-references.ts'
import { checkRules } from './check-rules.ts'
import { checkSegments } from './check-segments.ts'
import { checkServices } from './check-services.ts'
import type { Report, View } from './view.ts'

/** What can be judged only with all of the file in view. Each check is near linear in the size of the file. */
export function validate(all: View, report: Report): void {
  checkNames(all, report)
  const view = checkReferences(all, report) ? all : { ...all, whole: false }
  checkSegments(view, report)
  checkAddresses(view, report)
  checkNeeds(view, report)
  checkFreeze(view, report)
  checkServices(view, report)
  checkGroups(view, report)
  const open = checkRules(view, report)
  checkReach(view, open, report)
  checkIngress(view, open, report)
  checkPrefixes(view, report)
}
