import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { Command } from 'commander'
import { compile } from '../compile/compile.ts'
import type { Compiled } from '../compile/compiled.ts'
import { counted, fail, printJson, printProblems, readStackFile } from './common.ts'
import { exit } from './exit-codes.ts'

export function renderCommand(): Command {
  return new Command('render')
    .description("every appliance's configuration as files: DIR/APPLIANCE/etc/...")
    .argument('<file>', 'stack file')
    .requiredOption('-o, --output <dir>', 'folder to write to; empty, or written by an earlier render')
    .option('--force', 'write into a folder that holds other files, too')
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      '\nAddresses that a site decides are not known here: NAT boxes show 192.0.2.1 in their place.',
    )
    .action((file: string, options: { output: string; force?: boolean; json?: boolean }) => {
      const json = options.json === true
      const { stack, problems } = readStackFile(file)
      if (stack === undefined) {
        printProblems(problems, json)
        process.exitCode = exit.problems
        return
      }
      const before = earlierFiles(options.output)
      if (before === undefined && options.force !== true) {
        fail(exit.usage, `${options.output} holds files that no render wrote: choose another folder, or add --force`)
        return
      }
      const files = filesOf(compile(stack))
      writeAll(options.output, files, before ?? [])
      if (json) printJson({ problems, output: options.output, files: files.map(({ path }) => path) })
      else {
        printProblems(problems, false)
        for (const { path } of files) console.log(join(options.output, path))
        console.log(`${counted(files.length, 'file')} written`)
      }
    })
}

/** Lists what a render wrote, so that the next one removes what is no longer there, and nothing else. */
const MARK = '.lifeboat-render'

type Rendered = { readonly path: string; readonly text: string }

/** By path, so that the order is the same from run to run. */
function filesOf(compiled: Compiled): readonly Rendered[] {
  const files = compiled.instances.flatMap((instance) =>
    instance.kind === 'appliance'
      ? instance.files.map(({ path, text }) => ({ path: join(instance.name, path), text }))
      : [],
  )
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1))
}

/** What an earlier render wrote: nothing for a new or empty folder, undefined for one that is somebody else's. */
function earlierFiles(folder: string): readonly string[] | undefined {
  if (!existsSync(folder)) return []
  if (existsSync(join(folder, MARK))) return readFileSync(join(folder, MARK), 'utf8').split('\n').filter(isInside)
  return readdirSync(folder).length === 0 ? [] : undefined
}

/** The list is a file that anybody may have changed: it must not lead out of the folder. */
function isInside(path: string): boolean {
  return path !== '' && !path.startsWith('/') && !normalize(path).startsWith('..')
}

function writeAll(folder: string, files: readonly Rendered[], before: readonly string[]): void {
  const now = new Set(files.map(({ path }) => path))
  for (const path of before) if (!now.has(path)) remove(folder, path)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, MARK), files.map(({ path }) => `${path}\n`).join(''))
  for (const { path, text } of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
}

/** The file, and the folders that are empty without it. */
function remove(folder: string, path: string): void {
  rmSync(join(folder, path), { force: true })
  for (let parent = dirname(path); parent !== '.'; parent = dirname(parent)) {
    const full = join(folder, parent)
    if (!existsSync(full) || readdirSync(full).length > 0) return
    rmdirSync(full)
  }
}
