import type { FastifyInstance } from 'fastify'
import type { OpenApi } from '../api/openapi.ts'

/** The document as it is for programs, and readable for people; no script, nothing from elsewhere. */
export function serveDocs(app: FastifyInstance, document: OpenApi): void {
  const html = docsPage(document)
  app.get('/api/openapi.json', (_request, reply) => reply.send(document))
  app.get('/api/docs', (_request, reply) => reply.type('text/html; charset=utf-8').send(html))
  app.get('/api/docs.css', (_request, reply) => reply.type('text/css; charset=utf-8').send(style))
}

type Operation = {
  readonly operationId: string
  readonly summary: string
  readonly tags: readonly string[]
  readonly 'x-role': string
  readonly parameters: readonly { name: string; in: string; required: boolean; schema: Schema; description?: string }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
  readonly responses: Readonly<
    Record<
      string,
      { readonly description: string; readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }
    >
  >
}

type Schema = {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly default?: unknown
}

function docsPage(document: OpenApi): string {
  const { schemas } = document.components
  const all = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      path,
      method,
      operation: operation as unknown as Operation,
    })),
  )
  const groups = document.tags as readonly { name: string; description: string }[]
  const body = groups.map(({ name, description }) => {
    const own = all.filter(({ operation }) => operation.tags.includes(name))
    return `<section id="${esc(name)}"><h2>${esc(description)}</h2>${own.map((each) => routeHtml(each)).join('')}</section>`
  })
  const shapes = Object.entries(schemas).map(
    ([name, schema]) =>
      `<section id="schema-${esc(name)}"><h3>${esc(name)}</h3>${schemaHtml(schema as Schema)}</section>`,
  )
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${esc(document.info.title)}</title><link rel="stylesheet" href="/api/docs.css"></head><body><header><h1>${esc(document.info.title)}</h1>
<p>${esc(document.info.description)} For programs: <a href="/api/openapi.json">openapi.json</a>.</p>
<nav>${groups.map((each) => `<a href="#${esc(each.name)}">${esc(each.name)}</a>`).join(' ')} <a href="#shapes">shapes</a></nav></header>
<main>${body.join('')}<section id="shapes"><h2>Shapes</h2>${shapes.join('')}</section></main></body></html>`
}

function routeHtml({ path, method, operation }: { path: string; method: string; operation: Operation }): string {
  const parameters = operation.parameters.map(
    (each) =>
      `<tr><td><code>${esc(each.name)}</code></td><td>${esc(each.in)}</td><td>${typeHtml(each.schema)}${each.required ? '' : ', optional'}</td><td>${esc(each.description ?? '')}</td></tr>`,
  )
  const [request] = Object.values(operation.requestBody?.content ?? {})
  const answers = Object.entries(operation.responses).map(([status, answer]) => {
    const [media, content] = Object.entries(answer.content ?? {})[0] ?? []
    const shape =
      content === undefined ? 'nothing' : media === 'application/json' ? typeHtml(content.schema) : esc(media ?? '')
    return `<tr><td><code>${esc(status)}</code></td><td>${shape}</td><td>${Number(status) < 400 ? '' : esc(answer.description)}</td></tr>`
  })
  return `<article id="${esc(operation.operationId)}"><h3><code>${method.toUpperCase()} ${esc(path)}</code></h3>
<p>${esc(operation.summary)}. <small>${operation['x-role'] === 'anyone' ? 'For anyone' : `Needs ${esc(operation['x-role'])}`}.</small></p>
${parameters.length === 0 ? '' : `<table><caption>Parameters</caption>${parameters.join('')}</table>`}
${request === undefined ? '' : `<p>Body: ${typeHtml(request.schema)}</p>`}
<table><caption>Answers</caption>${answers.join('')}</table></article>`
}

function schemaHtml(schema: Schema): string {
  const about = schema.description === undefined ? '' : `<p>${esc(schema.description)}</p>`
  const shapes = schema.oneOf ?? schema.anyOf
  if (shapes !== undefined) return `${about}<ul>${shapes.map((each) => `<li>${schemaHtml(each)}</li>`).join('')}</ul>`
  if (schema.properties === undefined) return `${about}<p>${typeHtml(schema)}</p>`
  const rows = Object.entries(schema.properties).map(
    ([name, each]) =>
      `<tr><td><code>${esc(name)}</code></td><td>${each.properties === undefined ? typeHtml(each) : schemaHtml(each)}${schema.required?.includes(name) === true ? '' : ', optional'}</td><td>${esc(each.description ?? '')}</td></tr>`,
  )
  return `${about}<table>${rows.join('')}</table>`
}

function typeHtml(schema: Schema): string {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').at(-1) ?? ''
    return `<a href="#schema-${esc(name)}">${esc(name)}</a>`
  }
  if (schema.const !== undefined) return `<code>${esc(JSON.stringify(schema.const))}</code>`
  if (schema.enum !== undefined) return schema.enum.map((each) => `<code>${esc(String(each))}</code>`).join(' | ')
  if (schema.items !== undefined)
    return `list of ${schema.items.properties === undefined ? typeHtml(schema.items) : schemaHtml(schema.items)}`
  const either = schema.anyOf ?? schema.oneOf
  if (either !== undefined) return either.map(typeHtml).join(' or ')
  const preset = schema.default === undefined ? '' : ` (${esc(JSON.stringify(schema.default))} if absent)`
  return esc(String(schema.type ?? 'anything')) + preset
}

const esc = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

const style = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 0 auto; padding: 1rem }
article { border-top: 1px solid #8886; padding: .5rem 0 }
table { border-collapse: collapse; margin: .5rem 0; width: 100% }
caption { text-align: left; font-weight: 600 }
td { border-top: 1px solid #8884; padding: .2rem .6rem .2rem 0; vertical-align: top }
code { font: .9em ui-monospace, monospace }
nav a { margin-right: 1rem }
`
