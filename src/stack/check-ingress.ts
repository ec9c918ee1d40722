import type { Open } from './check-rules.ts'
import { isFullName } from './forms.ts'
import { clip } from './problems-of-schema.ts'
import type { Report, View } from './view.ts'

/** An ingress leads to a service that clients are let through to; checks ask for names that clients use. */
export function checkIngress(view: View, open: Open, report: Report): void {
  const { file } = view
  if (!view.whole) return
  for (const [name, { to }] of Object.entries(file.ingress)) {
    const balanced = view.balanced.get(to)
    if (balanced === undefined || open.outside.has(to)) continue
    const { port } = balanced.service.listen
    report(
      'error',
      ['ingress', name, 'to'],
      `no rule lets anyone reach "${clip(to)}"`,
      `add { allow: tcp/${port}, from: anyone, to: ${clip(to)} } to a firewall`,
    )
  }
  for (const [index, { url }] of file.checks.entries()) {
    const host = new URL(url).hostname
    if (Object.hasOwn(file.ingress, host)) continue
    const names = Object.keys(file.ingress).filter(isFullName)
    const hint = names.length === 0 ? 'the stack has no ingress' : `ingress: ${names.slice(0, 8).join(', ')}`
    report('warning', ['checks', index], `${clip(host)} is not an ingress name of this stack`, hint)
  }
}
