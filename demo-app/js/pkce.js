// Random values, and the proof that the app which asked for a code is the one that redeems it (PKCE, RFC 7636).

import { base64urlOf } from './base64url.js';

/** 256 random bits as base64url: a state, a nonce, a code verifier. */
export function randomText() {
  return base64urlOf(crypto.getRandomValues(new Uint8Array(32)));
}

/** The code challenge of a verifier (RFC 7636 section 4.2, S256). */
export async function challengeOf(verifier) {
  return base64urlOf(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))));
}
