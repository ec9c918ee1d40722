import { createHash, randomUUID } from 'node:crypto'
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { base, type Recipe, recipes, sourcesOf } from './recipes.ts'
import { buildBase, buildRootfs, configureApt, updateLists } from './rootfs.ts'
import { type Distribution, readDistribution } from './sources.ts'

export type IncusImage = {
  readonly alias: string
  /** Tar with metadata.yaml. */
  readonly meta: string
  /** The root filesystem, to be imported together with `meta`. */
  readonly rootfs: string
}

export type Images = {
  /** A directory, to be used as a lower layer only. */
  readonly labNodeRootfs: string
  readonly incusImages: readonly IncusImage[]
}

const cache = '/var/cache/lifeboat'

/**
 * Builds what is missing of the lab's images and returns where all of them are. Two at a time, each once: the name of a
 * built image carries the digest of its recipe, and appears only when the image is whole. Needs root, mmdebstrap and the
 * machine's apt sources. Throws with the end of the build's own output when a build fails.
 */
export async function ensureImages(log: (line: string) => void, examples: readonly Example[] = []): Promise<Images> {
  await mkdir(cache, { recursive: true, mode: 0o700 })
  const distribution = readDistribution()
  const baseDigest = digestOf([distribution, process.arch, base.packages, scripts()], [base.folder])
  const known = recipes.map((recipe) => ({ recipe, paths: pathsOf(recipe, recipeDigest(recipe, baseDigest)) }))
  const wanted = known.filter(({ recipe }) => recipe.example === undefined || examples.includes(recipe.example))
  const missing = wanted.filter(({ paths }) => !paths.every((path) => existsSync(path)))

  if (missing.length > 0) {
    log(`images: building ${missing.map(({ recipe }) => recipe.name).join(', ')}`)
    const work = join(cache, `.work-${randomUUID()}`)
    await mkdir(work, { mode: 0o755 })
    try {
      await buildMissing(missing, baseDigest, distribution, work, log)
    } finally {
      await rm(work, { recursive: true, force: true })
    }
  }
  await prune([join(cache, `base-${baseDigest}.tar`), ...known.flatMap(({ paths }) => paths)])
  return toImages(wanted)
}

export type Example = NonNullable<Recipe['example']>

type Wanted = { readonly recipe: Recipe; readonly paths: readonly string[] }

const at_once = 2

async function buildMissing(
  missing: readonly Wanted[],
  baseDigest: string,
  distribution: Distribution,
  work: string,
  log: (line: string) => void,
): Promise<void> {
  const apt = join(work, 'apt')
  await configureApt(apt, distribution)
  const baseTar = join(cache, `base-${baseDigest}.tar`)
  await Promise.all([
    updateLists(apt),
    existsSync(baseTar) ||
      timed('base', log, async () => rename(await buildBase(join(work, 'base.tar'), apt, distribution), baseTar)),
  ])
  const queue = [...missing]
  const failures: unknown[] = []
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined && failures.length === 0; next = queue.shift()) {
      const { recipe, paths } = next
      try {
        await timed(recipe.name, log, async () => {
          const built = await buildRootfs(recipe, baseTar, join(work, recipe.name), apt)
          for (const [index, path] of paths.entries()) await publish(built[index]!, path)
        })
      } catch (error) {
        failures.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: at_once }, worker))
  if (failures.length > 0) throw failures[0]
}

/** Two builders may have made the same image at the same time: the first one stands, since both are the same recipe. */
async function publish(built: string, path: string): Promise<void> {
  try {
    await rename(built, path)
  } catch (error) {
    if (!existsSync(path)) throw error
  }
}

async function timed(name: string, log: (line: string) => void, build: () => Promise<void>): Promise<void> {
  const started_ms = performance.now()
  await build()
  log(`images: ${name} built in ${((performance.now() - started_ms) / 1000).toFixed(1)} s`)
}

function pathsOf(recipe: Recipe, digest: string): readonly string[] {
  const stem = join(cache, `${recipe.name}-${digest}`)
  return recipe.form === 'directory' ? [stem] : [`${stem}.meta.tar`, `${stem}.rootfs`]
}

function toImages(wanted: readonly Wanted[]): Images {
  const labNode = wanted.find(({ recipe }) => recipe.name === 'lab-node')!
  return {
    labNodeRootfs: labNode.paths[0]!,
    incusImages: wanted
      .filter(({ recipe }) => recipe.form === 'incus')
      .map(({ recipe, paths }) => ({ alias: recipe.name, meta: paths[0]!, rootfs: paths[1]! })),
  }
}

function recipeDigest(recipe: Recipe, baseDigest: string): string {
  const { name, form, packages, debconf, bundle } = recipe
  const node = bundle === undefined ? undefined : process.version
  const folders = [...recipe.folders, sourcesOf(recipe)].filter((folder) => folder !== undefined)
  return digestOf([baseDigest, name, form, packages, debconf, bundle?.target, node], folders)
}

/** The programs that build are part of every recipe. */
function scripts(): readonly string[] {
  return ['build-base.sh', 'build-rootfs.sh', 'rootfs.ts'].map((name) =>
    readFileSync(join(import.meta.dirname, name), 'utf8'),
  )
}

/** Covers the values and each file below the folders: path, whether it is executable, content. */
function digestOf(values: readonly unknown[], folders: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify(values))
  for (const folder of folders) {
    const files = existsSync(folder) ? readdirSync(folder, { recursive: true, withFileTypes: true }) : []
    const paths = files.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name))
    for (const path of paths.sort()) {
      const kind = lstatSync(path).isSymbolicLink()
        ? `link ${readlinkSync(path)}`
        : (lstatSync(path).mode & 0o111).toString(8)
      hash.update(`\0${relative(folder, path)}\0${kind}\0`)
      if (!kind.startsWith('link')) hash.update(readFileSync(path))
    }
  }
  return hash.digest('hex').slice(0, 16)
}

const abandoned_ms = 3_600_000

/**
 * Older builds of our images, and work of a builder that died. Nothing else in the cache is ours to remove, and a
 * directory that a running lab has as a lower layer stays until that lab is down.
 */
async function prune(keep: readonly string[]): Promise<void> {
  const names = ['base', ...recipes.map((recipe) => recipe.name)]
  const mounts = allMounts()
  for (const entry of await readdir(cache)) {
    const path = join(cache, entry)
    const old = names.some((name) => new RegExp(`^${name}-[0-9a-f]{16}(\\.|$)`).test(entry)) && !keep.includes(path)
    const dead = entry.startsWith('.work-') && Date.now() - (await stat(path)).mtimeMs > abandoned_ms
    if ((old && !mounts.includes(path)) || dead) await rm(path, { recursive: true, force: true })
  }
}

/** What is mounted in any mount namespace of this machine: the lab's nodes have their own. */
function allMounts(): string {
  const texts = readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
      } catch {
        // The process has ended since the listing.
        return ''
      }
    })
  return [...new Set(texts)].join('')
}
