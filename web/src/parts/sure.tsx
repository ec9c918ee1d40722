import { type ReactNode, useState } from 'react'

/** A button for what cannot be taken back: it asks once more, at the same place. */
export function Sure({
  children,
  ask,
  act,
}: {
  readonly children: ReactNode
  /** `Remove ada for good?` */
  readonly ask: string
  readonly act: () => void
}) {
  const [asked, setAsked] = useState(false)
  if (!asked)
    return (
      <button type="button" onClick={() => setAsked(true)}>
        {children}
      </button>
    )
  return (
    <span>
      {ask}{' '}
      <button
        type="button"
        className="primary danger"
        onClick={() => {
          setAsked(false)
          act()
        }}
      >
        Yes
      </button>{' '}
      {/* Where the button was that asked: whoever is there by keyboard goes on from here. */}
      <button type="button" ref={(shown) => shown?.focus()} onClick={() => setAsked(false)}>
        No
      </button>
    </span>
  )
}
