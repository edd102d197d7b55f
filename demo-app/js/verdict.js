// Whether a token is to be believed: its signature, checked here in the browser against the auth server's published keys
// (RFC 7515 section 5.2, RFC 7517). What the header says of the algorithm counts only where the key agrees (RFC 8725 section 3.1).

import { decode } from './jwt.js';
import { settings } from './settings.js';

const ALGORITHMS = {
  RS256: [{ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, { name: 'RSASSA-PKCS1-v1_5' }],
  PS256: [{ name: 'RSA-PSS', hash: 'SHA-256' }, { name: 'RSA-PSS', saltLength: 32 }],
  ES256: [{ name: 'ECDSA', namedCurve: 'P-256' }, { name: 'ECDSA', hash: 'SHA-256' }],
  EdDSA: [{ name: 'Ed25519' }, { name: 'Ed25519' }],
};

let keys;

/** One of the auth server’s keys, by its id; they are fetched once, and again for an id that is new. */
export async function key(kid) {
  const found = (await keys)?.find((other) => other.kid === kid);
  if (found) return found;
  const { server } = await settings();
  keys = fetch(server.jwks_uri, { credentials: 'omit' }).then(async (answer) => (await answer.json()).keys);
  return (await keys.catch(() => { keys = undefined; }))?.find((other) => other.kid === kid);
}

/** { good, text }: one line. `good` is undefined where it cannot be told. */
export async function verdictOn(token) {
  const jwt = decode(token);
  if (!jwt) return { good: false, text: 'not a token' };
  const { header, claims } = jwt;
  const jwk = await key(header.kid).catch(() => undefined);
  if (!jwk) return { good: undefined, text: 'not checked: the auth server does not publish this key, or does not answer' };
  const [imported, used] = ALGORITHMS[jwk.alg] ?? [];
  if (!imported) return { good: undefined, text: `not checked: this page does not know ${jwk.alg}` };
  if (header.alg !== jwk.alg) return { good: false, text: `not valid: it says ${header.alg}, and its key is for ${jwk.alg}` };
  let matches;
  try {
    const known = await crypto.subtle.importKey('jwk', { ...jwk, key_ops: undefined, use: undefined }, imported, false, ['verify']);
    matches = await crypto.subtle.verify(used, known, jwt.signature, jwt.signed);
  } catch {
    return { good: undefined, text: `not checked: this browser cannot check ${jwk.alg}` };
  }
  if (!matches) return { good: false, text: 'not valid: the signature does not match' };
  if (claims.exp * 1000 < Date.now()) return { good: false, text: `signature valid, and run out · ${jwk.alg} · key ${shortKey(jwk.kid)}` };
  return { good: true, text: `valid · ${jwk.alg} · key ${shortKey(jwk.kid)}` };
}

function shortKey(kid) {
  return kid.length > 12 ? `${kid.slice(0, 8)}…` : kid;
}
