/** The style sheet of a report: light, dark, and paper. */
export const style = `
:root { --paper: #ffffff; --ink: #1c2128; --quiet: #5b6571; --line: #d5dae0; --tint: #f5f6f8;
  --good: #16794c; --bad: #b42318; --warn: #945a06; --bar: #1f5fae; --bar-step: #7aa5dc }
@media (prefers-color-scheme: dark) {
  :root { --paper: #0d1117; --ink: #e6edf3; --quiet: #9aa5b1; --line: #323a45; --tint: #161c24;
    --good: #4cc38a; --bad: #ff8b80; --warn: #e0a94a; --bar: #74aef5; --bar-step: #3f6ea8 }
}
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 70rem; padding: 2rem 1.5rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .4rem }
h2 { font-size: 1.05rem; margin: 0 0 .5rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line) }
section { margin-top: 1.8rem }
p { margin: .3rem 0 }
ul { margin: .3rem 0; padding-left: 1.2rem }
.outcome { display: inline-block; font-size: 1rem; font-weight: 600; padding: .1rem .6rem; border: 1.5px solid;
  border-radius: .3rem; vertical-align: middle }
.outcome.done { color: var(--good) }
.outcome.undone, .outcome.running { color: var(--warn) }
.outcome.stuck { color: var(--bad) }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; margin: .6rem 0 0 }
dt { color: var(--quiet) }
dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums }
.quiet { color: var(--quiet); font-size: .87em }
.failure { border-left: 3px solid var(--bad); padding: .2rem 0 .2rem .8rem; margin: .6rem 0; overflow-wrap: anywhere }
.failure.optional { border-color: var(--warn) }
pre { background: var(--tint); padding: .6rem .8rem; overflow-x: auto; font-size: .82em; white-space: pre-wrap;
  overflow-wrap: anywhere; margin: .4rem 0 }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th { text-align: left; font-weight: 600; color: var(--quiet); font-size: .87em }
th, td { padding: .25rem .9rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
th:last-child, td:last-child { padding-right: 0 }
.phases td:nth-child(2), .phases td:nth-child(3), .steps td:nth-child(5), .steps td:nth-child(6) { white-space: nowrap }
.phases td:last-child { width: 60% }
.steps td:first-child { overflow-wrap: anywhere }
.steps td:last-child { width: 22% }
svg { display: block; width: 100%; height: .75rem; margin-top: .35rem }
rect.phase { fill: var(--bar) }
rect.step { fill: var(--bar-step) }
.failed rect.step { fill: var(--bad) }
.failed .state { color: var(--bad); font-weight: 600 }
.undone .state, .running .state { color: var(--warn); font-weight: 600 }
.not-run { color: var(--quiet) }
footer { margin-top: 2rem; padding-top: .6rem; border-top: 1px solid var(--line); color: var(--quiet); font-size: .87em;
  overflow-wrap: anywhere }
@media (max-width: 45rem) { .steps td:last-child, .steps th:last-child { display: none } }
@media print {
  :root { --paper: #ffffff; --ink: #000000; --quiet: #444444; --line: #bbbbbb; --tint: #ffffff;
    --good: #0b5c37; --bad: #9c1c13; --warn: #7a4a04; --bar: #333333; --bar-step: #888888 }
  @page { size: A4; margin: 16mm 14mm }
  body { max-width: none; padding: 0; font-size: 10pt }
  h2 { break-after: avoid }
  tr, .failure, dl > * { break-inside: avoid }
  thead { display: table-header-group }
  pre { border: 1px solid var(--line) }
}
`
