import type { Answer } from '../api/client.ts'
import { bytes, count, duration } from '../lib/words.ts'
import { Mark } from '../parts/marks.tsx'
import type { Count, Counts } from './counts.ts'
import type { Layout } from './layout.ts'
import type { Edge, Node, Picture } from './rows.ts'

type Props = {
  readonly picture: Picture
  readonly laid: Layout
  readonly counts: Counts
  readonly of: string | undefined
}

const tones = { good: 'good', warning: 'warn', bad: 'bad', unknown: 'plain' } as const

/** What is known of the thing that is pointed at: addresses, rules, and what they have counted. */
export function Inspector({ picture, laid, counts, of }: Props) {
  const joint = laid.joints.find((each) => each.id === of)
  const box = laid.boxes.find((each) => each.id === of)
  const line = laid.lines.find((each) => each.node.id === of)
  return (
    <aside className="inspector" aria-label="What is pointed at" aria-live="polite">
      {joint !== undefined ? (
        <>
          <h2>What may pass here</h2>
          <Flows edges={joint.flows} counts={counts} />
        </>
      ) : line !== undefined ? (
        <OfNode node={line.node} picture={picture} counts={counts} />
      ) : box !== undefined ? (
        box.members.map((node) => <OfNode key={node.id} node={node} picture={picture} counts={counts} />)
      ) : (
        <Summary picture={picture} counts={counts} />
      )}
      {counts.error !== null && <p className="muted">Counters: {counts.error.message}</p>}
    </aside>
  )
}

/** While nothing is pointed at: how everything is. */
function Summary({ picture, counts }: Pick<Props, 'picture' | 'counts'>) {
  const instances = picture.nodes.filter((node) => node.power !== undefined)
  const running = instances.filter((node) => node.power === 'running').length
  const appliances = picture.nodes.filter((node) => ['firewall', 'load-balancer', 'nat'].includes(node.kind))
  const dropped = appliances.flatMap((node) => counts.of(node.id).rules.filter((rule) => rule.verdict === 'drop'))
  const servers = counts.servers({})
  return (
    <>
      <h2>Now</h2>
      <dl>
        <dt>Running</dt>
        <dd>
          {instances.length === 0 ? 'not known' : `${running} of ${instances.length}`}
          {running < instances.length && <Mark tone="bad">not all</Mark>}
        </dd>
        <dt>Connections let pass</dt>
        <dd>{counts.at === undefined ? 'not read' : total(passed(appliances, counts))}</dd>
        <dt>Packets dropped</dt>
        <dd>{counts.at === undefined ? 'not read' : total(dropped)}</dd>
        <dt>Sessions at balancers</dt>
        <dd>{counts.at === undefined ? 'not read' : servers.reduce((all, each) => all + each.sessions, 0)}</dd>
      </dl>
      <p className="muted">Counted since the rules were loaded, read every 5 s.</p>
    </>
  )
}

const passed = (appliances: readonly Node[], counts: Counts): readonly Count[] =>
  appliances.flatMap((node) =>
    counts.of(node.id).rules.filter((rule) => rule.verdict === 'accept' && rule.chain === 'forward'),
  )

function total(rules: readonly Count[]): string {
  const packets = rules.reduce((all, rule) => all + rule.packets, 0)
  const rates = rules.flatMap((rule) => rule.per_s ?? [])
  return `${packets}${rates.length === 0 ? '' : `, ${perSecond(rates.reduce((all, rate) => all + rate, 0))}`}`
}

const perSecond = (rate: number): string => `${rate < 10 ? rate.toFixed(1) : Math.round(rate)}/s`

function OfNode({ node, picture, counts }: { readonly node: Node } & Pick<Props, 'picture' | 'counts'>) {
  const { rules, silence } = counts.of(node.id)
  const servers =
    node.kind === 'machine'
      ? counts.servers({ machine: node.name })
      : node.kind === 'load-balancer'
        ? counts.servers({ appliance: node.name })
        : []
  const flows = picture.edges.filter(
    (edge) => edge.kind === 'flow' && edge.upkeep !== true && (edge.from === node.id || edge.to === node.id),
  )
  const appliance = ['firewall', 'load-balancer', 'nat'].includes(node.kind)
  return (
    <section>
      <h2>
        {node.name} <span className="muted">{node.kind.replace('-', ' ')}</span>{' '}
        {node.power !== undefined && <Mark tone={tones[node.health]}>{node.power}</Mark>}
      </h2>
      <ul className="plain">
        {node.addresses.map((address) => (
          <li key={address}>
            <code>{address}</code>
          </li>
        ))}
        {node.stateful === true && <li>stateful: part of every point</li>}
        {node.notes.map((note) => (
          <li key={note}>{note}</li>
        ))}
      </ul>
      {servers.length > 0 && <Servers servers={servers} machine={node.kind === 'machine'} />}
      {silence !== undefined && <p className="note warn">It does not tell its counters: {silence}</p>}
      {appliance && rules.length > 0 ? (
        <Rules rules={rules} />
      ) : (
        flows.length > 0 && !appliance && <Flows edges={flows} counts={counts} />
      )}
    </section>
  )
}

function Servers({
  servers,
  machine,
}: {
  readonly servers: Answer<'counters'>['appliances'][number]['servers']
  readonly machine: boolean
}) {
  return (
    <table className="counts">
      <thead>
        <tr>
          <th scope="col">{machine ? 'Behind' : 'Server'}</th>
          <th scope="col">Check</th>
          <th scope="col">Sessions</th>
          <th scope="col">Answered</th>
        </tr>
      </thead>
      <tbody>
        {servers.map((server) => (
          <tr key={`${server.service} ${server.machine}`}>
            <th scope="row">{machine ? server.service : `${server.service}: ${server.machine}`}</th>
            <td>
              <Mark tone={server.up ? 'good' : 'warn'} title={`for ${duration(server.since_s * 1000)}`}>
                {server.state.toLowerCase()}
              </Mark>
            </td>
            <td>
              {server.sessions} of {server.sessions_total}
            </td>
            <td>{bytes(server.to_clients_bytes)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** In the order of the appliance's own rules; what has never counted anything is told in one line. */
function Rules({ rules }: { readonly rules: readonly Count[] }) {
  const shown = rules.filter((rule) => rule.packets > 0 && rule.verdict !== 'translate')
  const silent = rules.filter((rule) => rule.packets === 0 && rule.verdict !== 'translate').length
  return (
    <>
      <table className="counts">
        <thead>
          <tr>
            <th scope="col">Rule</th>
            <th scope="col">Packets</th>
            <th scope="col">Now</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((rule) => (
            <tr key={`${rule.chain} ${rule.verdict} ${rule.words}`}>
              <th scope="row">
                {rule.verdict === 'drop' && <Mark tone="warn">dropped</Mark>} {rule.words}
              </th>
              <td>{rule.packets}</td>
              <td>{rule.per_s === undefined ? '' : perSecond(rule.per_s)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {silent > 0 && <p className="muted">{count(silent, 'other rule')} counted nothing yet.</p>}
    </>
  )
}

function Flows({ edges, counts }: { readonly edges: readonly Edge[]; readonly counts: Counts }) {
  const known = new Map(edges.map((edge) => [edge.words, edge]))
  return (
    <table className="counts">
      <thead>
        <tr>
          <th scope="col">Rule</th>
          <th scope="col">Connections</th>
          <th scope="col">Now</th>
        </tr>
      </thead>
      <tbody>
        {[...known.values()].map((edge) => {
          const rule = counts.rule(edge)
          return (
            <tr key={edge.words}>
              <th scope="row">{edge.words}</th>
              <td>{rule?.packets ?? ''}</td>
              <td>{rule?.per_s === undefined ? '' : perSecond(rule.per_s)}</td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}
