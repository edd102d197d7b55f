// The attacks on the page: a card each, with a button that sends it, and room for what came of it.

import { element, button } from '../element.js';
import { exchangeView } from '../exchange-view.js';
import { checksOf, explanationView } from '../explanation.js';
import { challengeOf, headerOf, isGood, jsonOf } from '../http.js';
import { PARTICIPANTS } from '../participants.js';
import { sequence } from '../sequence.js';
import { ATTACKS } from './catalogue.js';

/**
 * Fills `place` with those that this deployment can show. `attempt(work, trigger)` does something and tells what went wrong;
 * `say(text, kind)` tells the person; `killed(place)` hears that the sign-in has ended, and may show at a place how.
 */
export function showAttacks(place, settings, { attempt, say, killed }) {
  const there = { demo: settings.demo, archive: settings.demo && settings.archive, chain: settings.demo?.chain };
  const possible = ATTACKS.filter(({ needs }) => !needs || there[needs]);
  place.replaceChildren(...possible.map((attack) => card(attack, { attempt, say, killed })));
}

/** Presses the button of one, as after signing in for it. */
export function press(id) {
  const made = document.querySelector(`#attack-${id} button`);
  made?.scrollIntoView({ block: 'center' });
  made?.click();
}

function card(attack, { attempt, say, killed }) {
  const { id, title, tries, elsewhere } = attack;
  const result = element('div', { class: 'result' });
  const go = async () => {
    result.replaceChildren();
    const outcome = await attack.go();
    const told = verdictOn(outcome);
    result.replaceChildren(...resultView(attack, outcome, told));
    result.firstElementChild.scrollIntoView({ block: 'nearest' });
    say(told.text, told.refused ? 'done' : 'problem');
    if (attack.kills && outcome.kills) {
      const place = element('div');
      result.append(place);
      killed(place);
    }
  };
  const act = elsewhere
    ? element('a', { class: 'button', href: elsewhere, target: '_blank', rel: 'noopener' }, 'Try it in a new tab')
    : button('Send it', (made) => attempt(go, made), { 'aria-describedby': `attack-title-${id}` });
  if (elsewhere) result.replaceChildren(...because(attack));
  return element('article', { class: 'card attack', id: `attack-${id}` },
    element('div', { class: 'row' }, element('h3', { id: `attack-title-${id}` }, title), act),
    element('p', {}, tries), result);
}

/** What the last answer says: { refused, text, code, description }. */
function verdictOn({ sent }) {
  // Where the exchange was refused, that is why; what API A made of it comes after.
  const { response } = sent.findLast((one) => one.to === 'auth-server' && one.response && !isGood(one.response)) ?? sent.at(-1);
  if (!response) return { refused: false, text: 'No answer came: try again.' };
  const demand = challengeOf(response);
  const body = jsonOf(response);
  const code = demand.error ?? body.error ?? '';
  const description = demand.error_description ?? body.error_description ?? body.detail ?? '';
  const refused = !isGood(response);
  const text = refused
    ? `Refused: ${[response.status, code].filter(Boolean).join(' ')}${description ? `: ${description}` : ''}`
    : `Not refused: ${response.status}. That should not have worked.`;
  return { refused, text, code, description, uri: body.error_uri };
}

function resultView(attack, { sent, explanation }, told) {
  const lanes = Object.keys(PARTICIPANTS).filter((name) => sent.some(({ from, to }) => from === name || to === name));
  const arrows = sent.map(({ from, to, request }, place) => ({ from, to, number: place + 1, label: labelOf(request) }));
  const picture = sequence(lanes, arrows);
  sent.forEach((one, place) => {
    const state = !one.response ? 'failed' : isGood(one.response) ? 'done' : 'refused';
    picture.show(place, { ...one, state });
  });
  const rules = explanation ?? refusedByAnApi(sent.at(-1), told);
  const all = sent.map((one) => exchangeView(one, { from: one.from, to: one.to }));
  return [
    element('p', { class: told.refused ? 'outcome' : 'outcome problem' }, element('b', {}, told.text)),
    ...because(attack, told.uri),
    element('div', { class: 'evidence' },
      element('div', { class: `picture lanes-${lanes.length}` }, picture.svg),
      rules?.rules.length > 0 ? explanationView(rules) : undefined),
    element('details', {}, element('summary', {}, sent.length === 1 ? 'The request and its answer' : `The ${sent.length} requests and their answers`), ...all),
  ].filter(Boolean);
}

function because({ because: text, source, file }, uri) {
  return [
    element('p', {}, text),
    element('p', { class: 'source' }, source, ' · ', element('code', {}, file),
      ...(uri ? [' · ', element('a', { href: uri, target: '_blank', rel: 'noopener' }, 'the rule')] : [])),
  ];
}

/** Where an API refused the token itself, its checks are the rules. */
function refusedByAnApi({ response, to }, { description }) {
  return to.startsWith('api') && headerOf(response, 'www-authenticate') ? checksOf(description) : undefined;
}

function labelOf({ method, url }) {
  return `${method} ${new URL(url).pathname}`;
}
