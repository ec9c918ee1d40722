/**
 * The lab that is meant: one machine can hold several, which share nothing but the cache of built images.
 * `LIFEBOAT_LAB=b` names another than the usual one; a command line is never needed to tell them apart.
 */
const name = process.env.LIFEBOAT_LAB ?? ''
if (!/^[a-z0-9]{0,8}$/.test(name)) throw new Error(`LIFEBOAT_LAB=${name}: up to eight small letters and digits`)
const lab = name === '' ? 'lifeboat-lab' : `lifeboat-lab-${name}`

/** Where the lab keeps what it makes; both directories are gone after `lab down`. The cache of built images is not here: it is kept. */
export const labPaths = {
  name: lab,
  run: `/run/${lab}`,
  state: `/run/${lab}/state.json`,
  sites: `/run/${lab}/sites.yaml`,
  pki: `/run/${lab}/pki`,
  netns: `/run/${lab}/netns`,
  /** One empty directory per node, on which the node mounts its root in its own mount namespace. */
  nodes: `/run/${lab}/nodes`,
  logs: `/run/${lab}/logs`,
  data: `/var/lib/${lab}`,
  /** Held by the `lab` command at work; outside `run`, which comes and goes. */
  lock: `/run/${lab}.lock`,
  /** The name of the lab's subtree in every cgroup hierarchy. */
  cgroup: lab,
} as const

/** Stands in the environment of every process that the lab starts, and is inherited by what these start. */
export const markOf = (node: string): Readonly<Record<string, string>> => ({ LIFEBOAT_LAB_NODE: `${lab}:${node}` })
export const mark = `LIFEBOAT_LAB_NODE=${lab}:`

export const netnsOf = (node: string): string => `${labPaths.netns}/${node}`
export const incusDirOf = (site: string): string => `${labPaths.data}/${site}`
export const socketOf = (site: string): string => `${incusDirOf(site)}/unix.socket`
