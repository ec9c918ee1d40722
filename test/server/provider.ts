import { createHash, createSign, generateKeyPairSync } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** As much of an OIDC provider as signing in takes; `claims` are those of whoever signs in next. */
export async function openProvider() {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const state = { claims: {} as Record<string, unknown>, nonce: undefined as string | undefined, challenge: '' }
  const b64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const json = (response: ServerResponse, value: unknown, status = 200) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
  }
  const server = createServer((request, response) => {
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const url = new URL(request.url ?? '/', issuer)
    if (url.pathname.endsWith('/openid-configuration'))
      return json(response, {
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/jwks`,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'],
      })
    if (url.pathname === '/jwks')
      return json(response, { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'RS256', use: 'sig' }] })
    if (url.pathname === '/authorize') {
      state.nonce = url.searchParams.get('nonce') ?? undefined
      state.challenge = url.searchParams.get('code_challenge') ?? ''
      const back = `${url.searchParams.get('redirect_uri')}?code=c&state=${url.searchParams.get('state')}`
      return response.writeHead(302, { location: back }).end()
    }
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      const sent = new URLSearchParams(body)
      const verified = createHash('sha256')
        .update(sent.get('code_verifier') ?? '')
        .digest('base64url')
      if (verified !== state.challenge || sent.get('client_secret') !== 'a secret')
        return json(response, { error: 'invalid_grant' }, 400)
      const now = Math.floor(Date.now() / 1000)
      const claims = { iss: issuer, aud: 'lifeboat', iat: now, exp: now + 60, nonce: state.nonce, ...state.claims }
      const text = `${b64({ alg: 'RS256', kid: 'k' })}.${b64(claims)}`
      const signature = createSign('sha256').update(text).sign(privateKey, 'base64url')
      json(response, { access_token: 'a', token_type: 'bearer', id_token: `${text}.${signature}` })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    issuer: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    state,
    close: () => new Promise((resolve) => server.close(resolve)),
  }
}
