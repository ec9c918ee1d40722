import { createHash } from 'node:crypto'
import type { CompiledInstance, Leg } from '../compile/compiled.ts'
import type { Area, InstanceObject, NetworkObject, Nic } from '../state/objects.ts'
import type { SiteView } from './situation.ts'

/** An appliance is an instance of this image, at every site. */
export const applianceImage = 'lifeboat-appliance'

/** The digest of an instance that exists but has not got its configuration yet. */
export const unconfigured = 'unconfigured'

/** What a compiled instance is at a site. The digest covers all that it is made from. */
export function instanceObject(
  instance: CompiledInstance,
  area: Area,
  view: SiteView,
  secrets: Readonly<Record<string, string>>,
): InstanceObject {
  const image = imageOf(instance)
  return {
    type: 'instance',
    area,
    name: instance.name,
    role: instance.kind,
    image,
    nics: instance.legs.map(nic),
    digest: digestOf(instance, view.answer?.survey.images[image], secrets),
  }
}

export function imageOf(instance: CompiledInstance): string {
  return instance.kind === 'appliance' ? applianceImage : instance.image
}

/** The networks of a stack in an area; a bubble has its own in place of the site's. No segment can have their names. */
export function networkObjects(view: SiteView, area: Area): readonly NetworkObject[] {
  const legs = new Set(view.compiled.instances.flatMap((instance) => instance.legs.map((leg) => leg.to)))
  const outer = area.kind === 'bubble' ? ['outside', ...(legs.has('services') ? ['services'] : [])] : []
  return [...view.compiled.segments.map((segment) => segment.name), ...outer].map((segment) => ({
    type: 'network',
    area,
    segment,
  }))
}

function nic(leg: Leg): Nic {
  switch (leg.to) {
    case 'segment':
      return { interface: leg.interface, mac: leg.mac, network: 'segment', segment: leg.segment }
    case 'outside':
    case 'services':
      return { interface: leg.interface, mac: leg.mac, network: leg.to }
  }
}

/**
 * A stateful machine outlives its image, so the image's fingerprint is no part of what it is; everything else is
 * replaced when its image changed.
 */
function digestOf(
  instance: CompiledInstance,
  fingerprint: string | undefined,
  secrets: Readonly<Record<string, string>>,
): string {
  const made =
    instance.kind === 'appliance'
      ? {
          image: fingerprint,
          legs: instance.legs,
          files: instance.files,
          secrets: instance.secrets.map((secret) => [secret.path, secrets[secret.secret] ?? 'absent']),
        }
      : { image: instance.stateful ? instance.image : fingerprint, legs: instance.legs }
  return createHash('sha256').update(JSON.stringify(made)).digest('hex').slice(0, 16)
}
