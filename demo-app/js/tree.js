// The chain as a tree: each token below the one that it was exchanged for, with who holds it, for whom it is, and who acts in it
// (RFC 8693 section 4.1). Outermost is the one who acts now; the rest is history.

import { actorsOf } from './claims.js';
import { element } from './element.js';
import { foldedToken } from './folded.js';
import { decode } from './jwt.js';
import { chip, participant } from './participants.js';

/** `tokens`: from the first to the last; `dead`: what they came from has been revoked. */
export function tree(tokens, { dead = false } = {}) {
  const nested = [...tokens].reverse().reduce((below, token) => hop(token, below, dead), undefined);
  return element('ul', { class: dead ? 'chain dead' : 'chain' }, nested);
}

function hop(token, below, dead) {
  const { claims } = decode(token);
  const audience = [claims.aud].flat()[0];
  const actors = actorsOf(claims);
  const holder = claims.client_id;
  return element('li', {},
    element('div', { class: `hop ${participant(audience).mark}` },
      element('p', {}, chip(holder), ' calls ', chip(audience), dead ? element('b', { class: 'dead-word' }, ' ✕ dead') : ''),
      element('p', { class: 'facts' }, foldedToken(token), ' allows ', element('code', {}, claims.scope ?? 'nothing')),
      element('p', { class: 'facts' }, ...(actors.length === 0 ? ['no actor yet: the app asked for it itself'] : ['acting: ', ...chainOf(actors)]))),
    below ? element('ul', {}, below) : undefined);
}

function chainOf(actors) {
  return actors.flatMap(({ sub, client_id }, place) => [place > 0 ? ' for ' : '', chip(client_id ?? sub)]);
}
