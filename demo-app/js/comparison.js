// Token A beside token B: what stayed, what changed, what is new, in words and in the order in which it matters.

import { CLAIMS, actorsOf, valueText } from './claims.js';
import { element } from './element.js';
import { chip, participant } from './participants.js';

/** The rows that matter: a name for people, and the claims. What is missing from both is left out. */
const ROWS = [
  ['same person', ['sub']],
  ['same sign-in', ['sid', 'auth_time']],
  ['same chain', ['txn']],
  ['for whom', ['aud']],
  ['may do', ['scope']],
  ['who asks', ['client_id']],
  ['who acts', ['act']],
  ['ends', ['exp']],
];

/** The claims of both as a table. The roles are written out, since narrow windows show its cells one below the other. */
export function comparison(a, b) {
  const body = element('tbody', { role: 'rowgroup' });
  for (const [name, claims] of ROWS) {
    for (const claim of claims.filter((one) => one in a || one in b)) body.append(row(name, claim, a, b));
  }
  return element('table', { class: 'comparison', role: 'table' },
    element('caption', {}, 'From A to B: the same user for another API, with an actor'),
    element('thead', { role: 'rowgroup' }, element('tr', { role: 'row' },
      element('th', { scope: 'col', role: 'columnheader' }, 'Claim'), element('th', { scope: 'col', role: 'columnheader' }, 'Token A, for ', chip('api-a')),
      element('th', { scope: 'col', role: 'columnheader' }, 'Token B, for ', chip('api-b')), element('th', { scope: 'col', role: 'columnheader' }, 'What happened'))),
    body);
}

function row(name, claim, a, b) {
  const what = happened(claim, a, b);
  return element('tr', { class: what.kind, role: 'row' },
    element('th', { scope: 'row', role: 'rowheader' }, element('span', { class: 'claim-words' }, name), ' ', element('code', {}, claim),
      element('span', { class: 'visually-hidden' }, `: ${CLAIMS[claim][0]}`)),
    cell('Token A', claim, a, what.kind === 'changed' ? 'del' : 'span'),
    cell('Token B', claim, b, what.kind === 'same' ? 'span' : 'ins'),
    element('td', { class: 'happened', role: 'cell' }, element('b', {}, what.kind), what.why && ` ${what.why}`));
}

function cell(label, claim, claims, mark) {
  if (!(claim in claims)) return element('td', { 'data-label': label, role: 'cell' }, element('span', { class: 'muted' }, 'not there'));
  return element('td', { 'data-label': label, role: 'cell' }, element(mark, {}, ...shown(claim, claims)));
}

/** Audiences, clients and actors by their marks; the rest as text. */
function shown(claim, claims) {
  const value = claims[claim];
  if (claim === 'act') return actorsOf(claims).flatMap((actor, place) => [place > 0 ? ', before it ' : '', ...named(actor.client_id ?? actor.sub)]);
  if (claim === 'client_id') return named(value);
  if (claim === 'aud') return [value].flat().flatMap((one, place) => [place > 0 ? ', ' : '', ...(participant(one).letter === '?' ? [one] : named(one))]);
  return [valueText(claim, value)];
}

function named(text) {
  return [chip(text), ' ', element('code', {}, text)];
}

function happened(claim, a, b) {
  if (!(claim in a)) return { kind: 'new', why: claim === 'act' ? 'API B sees who acts' : undefined };
  if (!(claim in b)) return { kind: 'gone' };
  if (JSON.stringify(a[claim]) === JSON.stringify(b[claim])) return { kind: 'same', why: claim === 'exp' ? 'never later than A' : undefined };
  const why = {
    aud: 'worthless anywhere else',
    scope: 'only what this call needs',
    client_id: 'the app asked for A, API A for B',
    exp: b.exp <= a.exp ? 'not later than A' : 'later: the pairing allows it',
    act: 'one more actor',
  }[claim];
  return { kind: 'changed', why };
}
