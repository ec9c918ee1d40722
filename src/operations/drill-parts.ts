import { digest } from '../lib/digest.ts'
import { imageOf } from './objects.ts'
import type { SiteView, Situation } from './situation.ts'

/** What a drill is bound to, by part; each value is `KIND:DIGEST` separated by blanks, small enough for the claim. */
export function partsOf(situation: Situation, view: SiteView): Readonly<Record<string, string>> {
  const { secrets } = situation.definition
  const instances = view.compiled.instances.map((instance) => {
    const image = imageOf(instance)
    // A stateful machine outlives its image.
    const fingerprint = instance.kind === 'machine' && instance.stateful ? image : view.answer?.survey.images[image]
    const kinds =
      instance.kind === 'appliance'
        ? {
            rules: instance.files.map(({ path, text }) => [path, text]),
            secrets: instance.secrets.map(({ secret }) => secrets[secret] ?? 'absent'),
          }
        : { readiness: { ready: instance.ready, needs: instance.needs } }
    return [
      instance.name,
      words({ image: [image, fingerprint], addresses: instance.legs.map((leg) => ({ ...leg })), ...kinds }),
    ] as const
  })
  const checks = situation.stack.checks.map((check) => check.words)
  return Object.fromEntries([
    ...instances,
    ['checks', words({ checks })],
    ['drill', words({ services: drills(situation) })],
  ])
}

/** What of the drilled is not so any more, in words: `rules of fw`, `image of lb`, `app3 (new)`. */
export function changedSince(
  before: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): readonly string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])]
  return names.flatMap((name) => {
    const [was, is] = [before[name], now[name]]
    if (was === is) return []
    if (was === undefined) return [`${name} (new)`]
    if (is === undefined) return [`${name} (gone)`]
    const old = new Set(was.split(' '))
    const kinds = is
      .split(' ')
      .filter((each) => !old.has(each))
      .map((each) => each.split(':')[0] ?? '')
    return kinds.map((kind) => (kind === name ? kind : `${kind} of ${name}`))
  })
}

function words(kinds: Readonly<Record<string, Parameters<typeof digest>[0]>>): string {
  return Object.entries(kinds)
    .map(([kind, value]) => `${kind}:${digest(value).slice(0, 8)}`)
    .join(' ')
}

const drills = ({ stack }: Situation) =>
  stack.services.map(({ name, drill }) => [name, typeof drill === 'string' ? drill : drill.stub])
