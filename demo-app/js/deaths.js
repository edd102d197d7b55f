// How long a revoked chain lives on: both APIs are asked again and again with the tokens at hand, until both refuse. No API asks the
// auth server at each request; each looks into a status list that it fetches every few seconds (Token Status List).

import { element } from './element.js';
import { NoAnswer, send } from './http.js';
import { chip } from './participants.js';

const EVERY_MS = 250;
const PATIENCE_MS = 120_000;

/**
 * `tokens`: [{ api, token, url }]; `begun`: since when the clock runs, or undefined while nothing has been revoked yet: then it
 * starts at the first refusal. Gives how it ended: whether all refuse.
 */
export async function watchDeaths(place, tokens, { title, running }) {
  const start = performance.now();
  const rows = tokens.map(({ api, url }) => ({ api, url, counter: element('span', { class: 'counter' }, '0.0 s'), word: element('span', {}, 'still takes it') }));
  place.replaceChildren(element('div', { class: 'card deaths' }, element('h3', {}, title),
    element('ul', {}, ...rows.map(({ api, counter, word }) => element('li', {}, chip(api), ' ', counter, ' ', word)))));
  const items = [...place.querySelectorAll('li')];
  const ends = tokens.map(async ({ token, url }, index) => {
    const { counter, word } = rows[index];
    while (running() && performance.now() - start < PATIENCE_MS) {
      const refused = await isRefused(url, token);
      counter.textContent = `${((performance.now() - start) / 1000).toFixed(1)} s`;
      if (refused) {
        items[index].dataset.state = 'dead';
        word.textContent = 'refuses it: 401 invalid_token';
        return true;
      }
      await new Promise((resolve) => { setTimeout(resolve, EVERY_MS); });
    }
    return false;
  });
  return (await Promise.all(ends)).every(Boolean);
}

async function isRefused(url, token) {
  try {
    return (await send(url, { headers: { Authorization: `Bearer ${token}` } })).response.status === 401;
  } catch (error) {
    if (error instanceof NoAnswer) return false;
    throw error;
  }
}
