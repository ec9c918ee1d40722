import { existsSync, realpathSync } from 'node:fs'
import { join, sep } from 'node:path'
import type { OperationRequest } from '../api/operations.ts'
import type { Request } from '../lifeboat.ts'
import { ApiProblem, notFound } from './problem.ts'

type Where = {
  /** Folder of the stack files that may be deployed from; undefined: none. */
  readonly stacks_dir: string | undefined
  readonly lookout: { readonly seen: ReadonlyMap<string, { readonly standby: string | undefined }> }
}

/** What the API was asked for, as the core takes it. */
export function requestOf(where: Where, asked: OperationRequest): Request {
  switch (asked.verb) {
    case 'deploy':
      return {
        verb: 'deploy',
        file: fileIn(where.stacks_dir, asked.file),
        site: asked.site,
        remove: asked.remove,
        overwrite: asked.overwrite,
      }
    case 'drill':
      return {
        ...{ verb: 'drill', stack: asked.stack, point: asked.point, keep: asked.keep, remove: asked.remove },
        ...{ gone: asked.gone, promote: asked.promote, down: asked.down },
      }
    case 'failover':
      return { verb: 'failover', stack: asked.stack, to: asked.to, point: asked.point, down: asked.down }
    case 'move': {
      const to = asked.to ?? where.lookout.seen.get(asked.stack)?.standby
      if (to === undefined)
        throw new ApiProblem('conflict', `no site that answers is standby of ${asked.stack}`, { hint: 'say where: to' })
      return { verb: 'move', stack: asked.stack, to }
    }
    case 'rescue':
      return { verb: 'rescue', stack: asked.stack, do: asked.do, epoch: asked.epoch, consent: asked.confirm }
    case 'destroy':
      return { verb: 'destroy', stack: asked.stack, site: asked.site, consent: asked.confirm }
    case 'replicate':
    case 'failback':
    case 'guard':
    case 'reprotect':
      return { verb: asked.verb, stack: asked.stack }
  }
}

/** A file below the stacks folder, also after its links were followed: nobody reads the rest of the disk through us. */
export function fileIn(dir: string | undefined, name: string): string {
  if (dir === undefined)
    throw new ApiProblem('refused', 'this controller has no stacks folder', {
      hint: 'start it with --stacks DIR, or deploy with the CLI',
    })
  const path = join(dir, name)
  const root = realpathSync(dir)
  if (!existsSync(path) || !realpathSync(path).startsWith(root + sep))
    throw notFound(`there is no stack file ${JSON.stringify(name)} in the stacks folder`)
  return path
}
