import { digest } from '../lib/digest.ts'
import type { Compiled, CompiledInstance } from './compiled.ts'

/** Digests of the contents of secrets by name. The contents themselves never come here. */
export type SecretDigests = Readonly<Record<string, string>>

/**
 * The digest of what an instance is made from: definition, configuration and secrets. Equal digests mean that nothing
 * has to be replaced. A secret that is not there counts as absent, so its arrival changes the digest.
 */
export function digestOf(instance: CompiledInstance, secrets: SecretDigests): string {
  switch (instance.kind) {
    case 'machine': {
      // How readiness is seen, and what is started before, are not in the machine.
      const { kind, name, group, image, stateful, legs } = instance
      return digest({ kind, name, group, image, stateful, legs })
    }
    case 'appliance':
      return digest({ ...instance, contents: instance.secrets.map(({ secret }) => secrets[secret] ?? null) })
  }
}

/** The digest of a whole compiled stack, to which points and proofs are bound. */
export function digestOfStack(compiled: Compiled, secrets: SecretDigests): string {
  const names = compiled.instances.flatMap((instance) =>
    instance.kind === 'appliance' ? instance.secrets.map(({ secret }) => secret) : [],
  )
  return digest({ compiled, contents: [...new Set(names)].sort().map((name) => [name, secrets[name] ?? null]) })
}
