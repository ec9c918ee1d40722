import { useMemo, useState } from 'react'
import { useAnswer } from '../api/queries.ts'
import { Moment } from '../parts/moment.tsx'
import { Shown } from '../parts/states.tsx'
import { useCounts } from './counts.ts'
import { Drawing } from './drawing.tsx'
import { Inspector } from './inspector.tsx'
import { layout } from './layout.ts'
import { AsList } from './list.tsx'
import type { Picture as Drawn } from './rows.ts'

/** The stack as in its file: segments, appliances, machines, what may pass, and how each of them is at this moment. */
export default function Picture({ stack }: { readonly stack: string }) {
  const picture = useAnswer('picture', { stack }, { every_ms: 15_000 })
  return <Shown of={picture}>{(data) => <Looked picture={data} />}</Shown>
}

function Looked({ picture }: { readonly picture: Drawn }) {
  const laid = useMemo(() => layout(picture), [picture])
  const counts = useCounts(picture.stack)
  const [picked, setPicked] = useState<string>()
  const [under, setUnder] = useState<string>()
  return (
    <>
      <p className="muted">
        {picture.site === undefined
          ? 'No site that answers is active: health is not known. '
          : `As seen at ${picture.site}, `}
        <Moment at={picture.at} />. Point at anything, or go there by keyboard, for addresses, rules and counters.
      </p>
      <div className="looked">
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and has to by keyboard */}
        <section className="drawing" aria-label={`picture of ${picture.stack}`} tabIndex={0}>
          <Drawing
            laid={laid}
            counts={counts}
            lit={under ?? picked}
            pick={setPicked}
            point={setUnder}
            picked={picked}
          />
        </section>
        <Inspector picture={picture} laid={laid} counts={counts} of={under ?? picked} />
      </div>
      <AsList picture={picture} />
    </>
  )
}
