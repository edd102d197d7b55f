// A token as people can read it: what its header and its claims say, what each of them means, and, apart from that, whether the
// signature is right.

import { CLAIMS, valueText } from './claims.js';
import { element } from './element.js';
import { foldedToken } from './folded.js';
import { decode } from './jwt.js';
import { chip } from './participants.js';
import { verdictOn } from './verdict.js';

/** `title`, `holder`: who holds it; `about`: one sentence. The card is there at once; the verdict follows. */
export function tokenCard({ title, token, audience, holder, about, mark }) {
  const jwt = decode(token);
  const verdict = element('p', { class: 'verdict' }, 'checking the signature');
  verdictOn(token).then(({ good, text }) => {
    verdict.dataset.good = String(good);
    verdict.textContent = `${good === true ? '✓' : good === false ? '✕' : '–'} ${text}`;
  });
  return element('section', { class: `card token-card ${mark}` },
    element('h3', {}, title),
    element('p', {}, 'For ', chip(audience), ...(holder === audience ? [' itself'] : [', held by ', chip(holder)]), '. ', about),
    element('p', { class: 'raw' }, foldedToken(token)),
    verdict,
    element('details', {}, element('summary', {}, `Header and ${Object.keys(jwt.claims).length} claims, each explained`),
      claimTable('Header', jwt.header), claimTable('Claims', jwt.claims)));
}

/** Each member on a line: name, value, meaning, source. What is not known is shown as it is. */
function claimTable(title, members) {
  const rows = Object.entries(members).map(([name, value]) => {
    const [meaning, source] = CLAIMS[name] ?? ['Not one of the usual claims: shown as it is.', ''];
    return element('tr', { role: 'row' },
      element('th', { scope: 'row', role: 'rowheader' }, element('code', {}, name)),
      element('td', { role: 'cell' }, element('span', { class: 'value' }, valueText(name, value)),
        element('span', { class: 'meaning' }, meaning, source && ' ', source && element('span', { class: 'rfc' }, source))));
  });
  return element('table', { class: 'claims', role: 'table' }, element('caption', {}, title),
    element('thead', { class: 'visually-hidden', role: 'rowgroup' }, element('tr', { role: 'row' },
      element('th', { scope: 'col', role: 'columnheader' }, 'Name'), element('th', { scope: 'col', role: 'columnheader' }, 'Value and meaning'))),
    element('tbody', { role: 'rowgroup' }, ...rows));
}
