import { breakEveryCall } from './matrix.ts'
import { scenes } from './scenes.ts'

/** The other half of the scenes: two files run side by side. */
for (const scene of scenes.filter((_, index) => index % 2 === 1)) await breakEveryCall(scene)
