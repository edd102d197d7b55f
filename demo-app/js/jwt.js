// Takes a JWT apart (RFC 7519, RFC 7515 section 7.1). Decoding proves nothing: anybody can read a token, and anybody can write
// one. Whether it is to be believed is another question, and verdict.js answers it.

import { base64urlOf, bytesOf } from './base64url.js';

/** { header, claims, signed, signature }, or undefined if it is no JWT. */
export function decode(token) {
  const parts = token.split('.');
  if (parts.length !== 3) return undefined;
  try {
    return {
      header: JSON.parse(textOf(parts[0])),
      claims: JSON.parse(textOf(parts[1])),
      signed: new TextEncoder().encode(`${parts[0]}.${parts[1]}`),
      signature: bytesOf(parts[2]),
    };
  } catch {
    return undefined;
  }
}

/** `value` as a part of a token. */
export function partOf(value) {
  return base64urlOf(new TextEncoder().encode(JSON.stringify(value)));
}

function textOf(part) {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytesOf(part));
}
