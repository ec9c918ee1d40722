import { ensureImages } from './images.ts'

const started_ms = performance.now()
const images = await ensureImages((line) => console.log(line))
console.log(`lab-node: ${images.labNodeRootfs}`)
for (const image of images.incusImages) console.log(`${image.alias}: ${image.rootfs}`)
console.log(`${((performance.now() - started_ms) / 1000).toFixed(1)} s`)
