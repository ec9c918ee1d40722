import { spawnSync } from 'node:child_process'
import { appendFileSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Both return what the program complained about: nothing is good. */

/** In a network namespace of its own, so that the machine's rules are neither read nor touched. */
export function checkNftables(text: string, scratch: string): string {
  const file = join(scratch, 'nftables.conf')
  writeFileSync(file, text)
  return run('unshare', ['-n', 'nft', '-c', '-f', file], 'nft')
}

/** With a stand-in for every secret; the paths of the appliance become paths of the scratch folder. */
export function checkHaproxy(text: string, secrets: readonly string[], scratch: string): string {
  const folder = join(scratch, 'secrets')
  mkdirSync(folder, { recursive: true })
  for (const secret of secrets) copyFileSync(join(scratch, 'pair.pem'), join(folder, `${secret}.pem`))
  const file = join(scratch, 'haproxy.cfg')
  // As a reload finds it; a first start warns that there is none.
  const servers = join(scratch, 'servers')
  writeFileSync(servers, '1\n')
  const own = text
    .replaceAll('/etc/lifeboat/secrets/', `${folder}/`)
    .replaceAll('/run/haproxy-stats.sock', join(scratch, 'stats.sock'))
    .replaceAll('/run/haproxy-servers', servers)
  writeFileSync(file, own)
  return run('haproxy', ['-c', '-f', file], 'haproxy')
}

export function makeCertificate(scratch: string): void {
  const key = join(scratch, 'key.pem')
  const pair = join(scratch, 'pair.pem')
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const made = ['req', '-x509', ...curve, '-keyout', key, '-out', pair, '-days', '1', '-subj', '/CN=stand-in']
  const { status, stderr } = spawnSync('openssl', made, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`openssl makes no stand-in certificate: ${stderr}`)
  appendFileSync(pair, spawnSync('cat', [key]).stdout)
}

function run(program: string, args: readonly string[], tool: string): string {
  if (spawnSync('which', [tool]).status !== 0) {
    throw new Error(`${tool} is not installed, so the golden files cannot be checked: run scripts/setup --lab`)
  }
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  return status === 0 && stderr === '' ? '' : `${program} ended with ${status}: ${stdout}${stderr}`
}
