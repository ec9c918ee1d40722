/** Where the lab keeps what it makes; both directories are gone after `lab down`. The cache of built images is not here: it is kept. */
export const labPaths = {
  run: '/run/lifeboat-lab',
  state: '/run/lifeboat-lab/state.json',
  sites: '/run/lifeboat-lab/sites.yaml',
  pki: '/run/lifeboat-lab/pki',
  netns: '/run/lifeboat-lab/netns',
  /** One empty directory per node, on which the node mounts its root in its own mount namespace. */
  nodes: '/run/lifeboat-lab/nodes',
  logs: '/run/lifeboat-lab/logs',
  data: '/var/lib/lifeboat-lab',
  /** Held by the `lab` command at work; outside `run`, which comes and goes. */
  lock: '/run/lifeboat-lab.lock',
  /** The name of the lab's subtree in every cgroup hierarchy. */
  cgroup: 'lifeboat-lab',
} as const

export const netnsOf = (node: string): string => `${labPaths.netns}/${node}`
export const incusDirOf = (site: string): string => `${labPaths.data}/${site}`
export const socketOf = (site: string): string => `${incusDirOf(site)}/unix.socket`
