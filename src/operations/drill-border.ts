import type { Border, DrilledService } from '../compile/border.ts'
import { digest } from '../lib/digest.ts'
import type { Step } from '../plan/plan.ts'
import { step } from '../plan/step.ts'
import type { Area, InstanceObject, Nic } from '../state/objects.ts'
import { applianceImage, unconfigured } from './objects.ts'
import type { SiteView, Situation } from './situation.ts'

/** Central services that the stack reaches, with what the stack file says of them for drills. */
export function drilledServices(situation: Situation, view: SiteView): readonly DrilledService[] {
  const reached = new Set(situation.stack.nats.flatMap((nat) => nat.reaches))
  return situation.stack.services.flatMap(({ name, protocol, port, drill }) => {
    const address = view.site.services[name]
    return reached.has(name) && address !== undefined ? [{ name, protocol, port, drill, address }] : []
  })
}

/** The border is made from the image of the appliances, configured, and answers before an outer leg asks. */
export function borderSteps(view: SiteView, area: Area, border: Border): readonly Step[] {
  const site = view.site.name
  const object = borderObject(view, area, border)
  const { name } = object
  const ref = { area, name }
  return [
    step(
      'build',
      site,
      `make ${name}`,
      { do: 'instance', instance: { ...object, digest: unconfigured } },
      'stands for all that is around the stack',
      {
        after: ['area', 'network outside', 'network services'],
        undo: [{ do: 'remove-instance', instance: ref }],
      },
    ),
    step(
      'build',
      site,
      `configure ${name}`,
      {
        do: 'configure',
        instance: ref,
        files: border.files,
        secrets: [],
        secrets_from: { kind: 'files' },
        digest: object.digest,
      },
      `${border.files.length} files compiled for ${site}`,
      { after: [`make ${name}`] },
    ),
    step(
      'build',
      site,
      `cut legs of ${name}`,
      { do: 'cut-legs', instance: ref, cut: true },
      'a kernel speaks before a filter is loaded: nobody is to hear it',
      { after: [`configure ${name}`] },
    ),
    step(
      'start',
      site,
      `start ${name}`,
      { do: 'power', instance: ref, verb: 'start', within_s: 60 },
      'gateway, DHCP, DNS and client of the bubble',
      { after: [`cut legs of ${name}`], undo: [{ do: 'power', instance: ref, verb: 'kill', within_s: 30 }] },
    ),
    step(
      'ready',
      site,
      `filter of ${name}`,
      {
        do: 'ready',
        from: ref,
        machines: [ref],
        probes: [{ by: 'tcp', from: name, url: 'tcp://127.0.0.1:53' }],
        within_s: 60,
      },
      'its filter was loaded before its DNS server was',
      { after: [`start ${name}`] },
    ),
    step(
      'ready',
      site,
      `ready ${name}`,
      { do: 'cut-legs', instance: ref, cut: false },
      border.site_leg ? 'one leg leads out, for the allowed services' : 'no leg leads out',
      { after: [`filter of ${name}`] },
    ),
  ]
}

/** As long as a machine of the stack is given: a stub that never listens fails the drill no later than one of those. */
const STUB_S = 60

/** Machines that stand for central services, at their addresses. */
export function stubSteps(view: SiteView, area: Area, border: Border): readonly Step[] {
  const site = view.site.name
  return (border.services?.stubs ?? []).flatMap((stub) => {
    const ref = { area, name: stub.instance }
    const tcp = (border.services?.doors ?? [])
      .filter((door) => door.how === 'stub' && door.address === stub.address && door.protocol === 'tcp')
      .map(({ address, port }) => ({ by: 'tcp' as const, from: border.name, url: `tcp://${address}:${port}` }))
    const nics: readonly Nic[] = [{ interface: 'eth0', mac: stub.mac, network: 'services' }]
    const object: InstanceObject = {
      type: 'instance',
      area,
      name: stub.instance,
      role: 'machine',
      image: stub.image,
      nics,
      digest: digest({ image: view.answer?.survey.images[stub.image], nics: nics.map((nic) => nic.mac) }).slice(0, 16),
    }
    return [
      step('build', site, `make ${ref.name}`, { do: 'instance', instance: object }, `from image ${stub.image}`, {
        after: ['area', 'network services'],
        undo: [{ do: 'remove-instance', instance: ref }],
      }),
      step(
        'start',
        site,
        `start ${ref.name}`,
        { do: 'power', instance: ref, verb: 'start', within_s: 60 },
        'stands for a central service',
        {
          after: [`make ${ref.name}`, `ready ${border.name}`],
          undo: [{ do: 'power', instance: ref, verb: 'kill', within_s: 30 }],
        },
      ),
      step(
        'ready',
        site,
        `ready ${ref.name}`,
        tcp.length === 0
          ? { do: 'lease', instance: ref, interface: 'eth0', within_s: 60 }
          : { do: 'ready', from: { area, name: border.name }, machines: [ref], probes: tcp, within_s: STUB_S },
        'answers at the address of the service',
        { after: [`start ${ref.name}`] },
      ),
    ]
  })
}

export function borderObject(view: SiteView, area: Area, border: Border): InstanceObject {
  const nics: Nic[] = [{ interface: 'outside', mac: border.macs.outside, network: 'outside' }]
  if (border.services !== undefined)
    nics.push({ interface: 'services', mac: border.macs.services, network: 'services' })
  if (border.site_leg) nics.push({ interface: 'site', mac: border.macs.site, network: 'site-services' })
  const made = {
    image: view.answer?.survey.images[applianceImage],
    nics: nics.map((nic) => [nic.interface, nic.mac]),
    files: border.files.map(({ path, text }) => [path, text]),
  }
  return {
    type: 'instance',
    area,
    name: border.name,
    role: 'appliance',
    image: applianceImage,
    nics,
    digest: digest(made).slice(0, 16),
  }
}
