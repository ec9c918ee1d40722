import { Link } from 'wouter'

export function Missing() {
  return (
    <>
      <h1>There is no such page</h1>
      <p>
        The address leads nowhere. <Link href="/">The overview</Link> has every stack.
      </p>
    </>
  )
}
