import { useWindowVirtualizer } from '@tanstack/react-virtual'
import { memo, useLayoutEffect, useRef, useState } from 'react'
import { Link } from 'wouter'
import type { Answer } from '../api/client.ts'
import { useParam } from '../lib/search.ts'
import { count } from '../lib/words.ts'
import { RpoGauge, Spark } from './gauge.tsx'
import { Mark, ProofMark, RoleMark } from './marks.tsx'
import { Ago } from './moment.tsx'

export type Row = Answer<'overview'>['stacks'][number]

/** Up to so many are simply all there, to be searched by the browser and printed; of more only those in sight are. */
const all_there = 150
const row_px = 33

const proofOrder = ['failed', 'never', 'unknown', 'changed', 'proven']
const age = (row: Row): number =>
  row.rpo_ms === undefined
    ? Number.POSITIVE_INFINITY
    : (row.newest_point_at === undefined ? 0 : Date.parse(row.newest_point_at)) / row.rpo_ms

/** Worst first, whatever it is sorted by. */
const sorts: Readonly<Record<string, (a: Row, b: Row) => number>> = {
  point: (a, b) => age(a) - age(b),
  proof: (a, b) => proofOrder.indexOf(a.proof.state) - proofOrder.indexOf(b.proof.state),
  alarms: (a, b) => Number(b.worst === 'critical') - Number(a.worst === 'critical') || b.alarms - a.alarms,
}

export function StackTable({ rows }: { readonly rows: readonly Row[] }) {
  const [sort, setSort] = useParam('sort')
  const by = sorts[sort]
  const sorted = by === undefined ? rows : [...rows].sort(by)
  const head = (key: string, words: string) => (
    <th scope="col" {...(sort === key ? { 'aria-sort': key === '' ? 'ascending' : 'descending' } : {})}>
      <button type="button" onClick={() => setSort(key)}>
        {words}
      </button>
    </th>
  )
  return (
    <table className="stacks" aria-rowcount={rows.length + 1}>
      <thead>
        <tr aria-rowindex={1}>
          {head('', 'Stack')}
          <th scope="col">Active</th>
          <th scope="col">Standby</th>
          {head('point', 'Newest point')}
          <th scope="col">Last day</th>
          {head('proof', 'Proof')}
          {head('alarms', 'Alarms')}
        </tr>
      </thead>
      {sorted.length <= all_there ? (
        <tbody>
          {sorted.map((row, index) => (
            <StackRow key={row.stack} row={row} index={index} />
          ))}
        </tbody>
      ) : (
        <InSight rows={sorted} />
      )}
    </table>
  )
}

/** Those in sight and a few around them, so that the next one can be reached by keyboard. */
function InSight({ rows }: { readonly rows: readonly Row[] }) {
  const body = useRef<HTMLTableSectionElement>(null)
  const [top, setTop] = useState(0)
  useLayoutEffect(() => {
    const rect = body.current?.getBoundingClientRect()
    if (rect !== undefined) setTop(rect.top + window.scrollY)
  }, [])
  const list = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => row_px,
    getItemKey: (index) => rows[index]?.stack ?? index,
    overscan: 12,
    scrollMargin: top,
  })
  const shown = list.getVirtualItems()
  const before = (shown[0]?.start ?? top) - top
  const after = list.getTotalSize() - ((shown.at(-1)?.end ?? top) - top)
  return (
    <tbody ref={body}>
      {before > 0 && <Space height={before} />}
      {shown.map(({ index }) => (
        <StackRow key={rows[index]!.stack} row={rows[index]!} index={index} measure={list.measureElement} />
      ))}
      {after > 0 && <Space height={after} />}
    </tbody>
  )
}

/** Hidden by its style, for everybody. */
function Space({ height }: { readonly height: number }) {
  return (
    <tr className="space">
      <td colSpan={7} style={{ height, padding: 0, border: 0 }} />
    </tr>
  )
}

const StackRow = memo(function StackRow({
  row,
  index,
  measure,
}: {
  readonly row: Row
  readonly index: number
  readonly measure?: (element: Element | null) => void
}) {
  return (
    <tr ref={measure ?? null} data-index={index} aria-rowindex={index + 2}>
      <th scope="row">
        <Link href={`/stacks/${row.stack}`}>{row.stack}</Link>
        {row.operation !== undefined && (
          <Link href={`/operations/${row.operation.operation}`} className="mark busy">
            {row.operation.verb}
          </Link>
        )}
      </th>
      <td data-label="Active">
        <Place row={row} site={row.active} as="active" />
      </td>
      <td data-label="Standby">
        <Place row={row} site={row.standby} as="standby" />{' '}
        {row.standby !== undefined && !row.ready && <Mark tone="bad">not ready</Mark>}
      </td>
      <td data-label="Newest point">
        <RpoGauge at={row.newest_point_at} rpo_ms={row.rpo_ms} known={row.protection !== 'unknown'} />
      </td>
      <td data-label="Last day">
        <Spark values={row.spark} rpo_ms={row.rpo_ms} />
      </td>
      <td data-label="Proof">
        <ProofMark state={row.proof.state} words={row.proof.words} />{' '}
        {row.proof.ended_at !== undefined && (
          <span className="muted">
            <Ago at={row.proof.ended_at} />
          </span>
        )}
      </td>
      <td data-label="Alarms">
        {row.alarms === 0 ? (
          <span className="muted">none</span>
        ) : (
          <Link href={`/alarms?q=${row.stack}`} className={`mark ${row.worst === 'critical' ? 'bad' : 'warn'}`}>
            {count(row.alarms, 'alarm')}
            <span className="sr"> of {row.stack}</span>
          </Link>
        )}
      </td>
    </tr>
  )
})

function Place({
  row,
  site,
  as,
}: {
  readonly row: Row
  readonly site: string | undefined
  readonly as: 'active' | 'standby'
}) {
  const others = row.sites.filter((each) => !each.answers || each.role === 'stale' || each.role === 'unknown')
  const odd = others.find((each) => each.site !== row.active && each.site !== row.standby)
  if (site !== undefined) return <span>{site}</span>
  if (odd !== undefined)
    return (
      <span>
        {odd.site} <RoleMark role={odd.role} answers={odd.answers} />
      </span>
    )
  return <span className="muted">no {as}</span>
}
