import { engineConformance } from '../conformance.ts'
import { scratchPair } from './scratch-pair.ts'

engineConformance('incus', scratchPair)
