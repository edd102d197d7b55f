// Text with its tokens folded to `eyJ0…4f2a`. Each opens at a press; on paper they are open.

import { element } from './element.js';
import { decode } from './jwt.js';
import { participant } from './participants.js';

/** A token, a code, a verifier: long, and without a space. The id of a trace is none. */
const SECRET = /(?<![A-Za-z0-9_-])(?!00-[0-9a-f]{32}-)[A-Za-z0-9_-]{40,}(?:\.[A-Za-z0-9_-]*)*/g;

/** The text as nodes. */
export function folded(text) {
  const nodes = [];
  let done = 0;
  for (const found of text.matchAll(SECRET)) {
    nodes.push(text.slice(done, found.index), foldedToken(found[0]));
    done = found.index + found[0].length;
  }
  nodes.push(text.slice(done));
  return nodes;
}

/** One token as a button that opens and closes it. */
export function foldedToken(token) {
  const audience = [decode(token)?.claims.aud].flat()[0];
  const mark = audience ? participant(audience).mark : 'other';
  const made = element('button', { type: 'button', class: `token ${mark}`, 'aria-expanded': 'false' },
    element('span', { class: 'short' }, short(token)),
    element('span', { class: 'full' }, token));
  made.addEventListener('click', () => made.setAttribute('aria-expanded', String(made.getAttribute('aria-expanded') !== 'true')));
  return made;
}

export function short(token) {
  return `${token.slice(0, 4)}…${token.slice(-4)}`;
}
