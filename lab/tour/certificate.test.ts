import { createPrivateKey, X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { selfSigned } from './certificate.ts'

test('is what a certificate is read as: for the name, between the dates, with its key', () => {
  const pem = selfSigned('shop.example.com', new Date('2026-11-01T00:00:00Z'), new Date('2027-11-01T00:00:00Z'))
  const certificate = new X509Certificate(pem)
  expect(certificate.checkHost('shop.example.com')).toBe('shop.example.com')
  expect(certificate.checkHost('other.example.com')).toBeUndefined()
  expect([certificate.validFrom, certificate.validTo]).toEqual(['Nov  1 00:00:00 2026 GMT', 'Nov  1 00:00:00 2027 GMT'])
  expect(certificate.checkPrivateKey(createPrivateKey(pem.slice(pem.indexOf('-----BEGIN PRIVATE'))))).toBe(true)
  expect(certificate.verify(certificate.publicKey)).toBe(true)
})
