import { breakEveryCall } from './matrix.ts'
import { scenes } from './scenes.ts'

/** One half of the scenes: two files run side by side. */
for (const scene of scenes.filter((_, index) => index % 2 === 0)) await breakEveryCall(scene)
