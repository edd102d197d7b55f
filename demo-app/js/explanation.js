// Why something was refused: the rules in the order in which they are judged, with ticks up to the one that refused. For exchanges
// the auth server explains itself (`/oauth/explain`); the checks of an API stand here, as shared-claims/src/validator makes them.

import { element } from './element.js';

/** What an API checks before it lets a token in, and what it says in error_description where that fails. */
const CHECKS = [
  ['The token has the form of one', /malformed|too long/],
  ['Its header asks for nothing that is not supported', /header asks/],
  ['It is an access token, by its typ', /not an access token/],
  ['Its key is one of the auth server’s, by its kid', /unknown key/],
  ['Its algorithm is the one of that key', /algorithm/],
  ['Its signature is right', /signature/],
  ['The auth server that this API trusts issued it', /issued by somebody else/],
  ['It has begun, and has not run out', /expired|not valid yet|future/],
  ['It is for this API', /for somebody else/],
  ['What it came from has not ended', /has ended/],
  ['It allows what was asked', /scope/],
];

/** The same lines as the auth server's: those before the one that failed have passed. */
export function checksOf(description) {
  const failed = CHECKS.findIndex(([, says]) => says.test(description ?? ''));
  if (failed < 0) return undefined;
  const outcome = (place) => (place < failed ? 'passed' : place === failed ? 'failed' : 'not_judged');
  return { rules: CHECKS.map(([demand], place) => ({ demand, outcome: outcome(place), reason: place === failed ? description : undefined })) };
}

const SIGNS = { passed: ['✓', 'holds'], failed: ['✕', 'does not hold'], not_judged: ['–', 'not judged'] };

export function explanationView({ rules }) {
  const failed = rules.findIndex(({ outcome }) => outcome === 'failed');
  const shown = failed < 0 ? rules : rules.slice(0, failed + 1);
  const rest = rules.slice(shown.length);
  const parts = [element('ol', { class: 'rules' }, ...shown.map(line))];
  if (rest.length > 0) {
    const words = `${rest.length} more ${rest.length === 1 ? 'rule' : 'rules'}, which no longer ${rest.length === 1 ? 'matters' : 'matter'}`;
    parts.push(element('details', {}, element('summary', {}, words), element('ol', { class: 'rules', start: shown.length + 1 }, ...rest.map(line))));
  }
  return element('div', { class: 'explanation' }, element('p', { class: 'wire-title' }, 'The rules, in their order'), ...parts);
}

function line({ rule, demand, outcome, reason, looked_at, setting }) {
  const [sign, word] = SIGNS[outcome] ?? SIGNS.not_judged;
  return element('li', { class: outcome },
    element('span', { class: 'sign', 'aria-hidden': 'true' }, sign), element('span', { class: 'visually-hidden' }, `${word}: `),
    element('span', {}, demand ?? rule,
      rule && ' ', rule && element('code', {}, rule),
      outcome === 'failed' && reason ? element('b', { class: 'reason' }, reason) : undefined,
      outcome === 'failed' && looked_at ? element('span', { class: 'looked' }, looked_at) : undefined,
      outcome === 'failed' && setting ? element('span', { class: 'looked' }, `decided by ${setting}`) : undefined));
}
