import type { Picture } from './rows.ts'

/** The picture in words: for who does not see it, and for who searches in it. */
export function AsList({ picture }: { readonly picture: Picture }) {
  const flows = picture.edges.filter((edge) => edge.kind === 'flow')
  const words = (upkeep: boolean) => [
    ...new Set(flows.filter((edge) => (edge.upkeep === true) === upkeep).map((edge) => edge.words)),
  ]
  return (
    <details>
      <summary>The same as a list</summary>
      <table className="rows">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">What</th>
            <th scope="col">Addresses</th>
            <th scope="col">State</th>
            <th scope="col">Notes</th>
          </tr>
        </thead>
        <tbody>
          {picture.nodes.map((node) => (
            <tr key={node.id}>
              <th scope="row">{node.name}</th>
              <td data-label="What">{node.kind.replace('-', ' ')}</td>
              <td data-label="Addresses">{node.addresses.join('; ')}</td>
              <td data-label="State">{node.power ?? ''}</td>
              <td data-label="Notes">{node.notes.join('; ')}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <h3>What may pass</h3>
      <ul>
        {words(false).map((each) => (
          <li key={each}>{each}</li>
        ))}
      </ul>
      <h3>Upkeep: names, addresses, readiness</h3>
      <ul>
        {words(true).map((each) => (
          <li key={each}>{each}</li>
        ))}
      </ul>
    </details>
  )
}
