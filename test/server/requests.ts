import type { Request } from '../../src/lifeboat.ts'
import { stackFile } from '../every-step/rig.ts'

export const deploy = { verb: 'deploy', file: stackFile, site: 'east', remove: [] } as const satisfies Request
export const replicate: Request = { verb: 'replicate', stack: 'shop' }
