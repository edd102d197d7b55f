// How long a revoked chain lives on: both APIs are asked again and again with the tokens at hand, until both refuse. No API asks the
// auth server at each request; each looks into a status list that it fetches every few seconds (Token Status List).

import { element } from './element.js';
import { NoAnswer, send } from './http.js';
import { chip } from './participants.js';

const EVERY_MS = 250;
const PATIENCE_MS = 120_000;

/**
 * `tokens`: [{ api, token, url }]; `begun`: since when the clock runs; undefined while nothing has been revoked yet: it then starts
 * at the first refusal, which is the auth server's, who knows at once. `running()`: whether anybody still looks. Gives whether all
 * refuse in the end.
 */
export async function watchDeaths(place, tokens, { title, begun, running }) {
  const opened = performance.now();
  let start = begun;
  const rows = tokens.map(({ api, token, url }) => {
    const counter = element('span', { class: 'counter' }, '–');
    const word = element('span', {}, 'takes it');
    return { token, url, counter, word, item: element('li', {}, chip(api), ' ', counter, ' ', word) };
  });
  place.replaceChildren(element('div', { class: 'card deaths' }, element('h3', {}, title), element('ul', {}, ...rows.map(({ item }) => item))));
  const ends = rows.map(async ({ token, url, counter, word, item }) => {
    while (running() && performance.now() - opened < PATIENCE_MS) {
      const refused = await isRefused(url, token);
      if (refused) start ??= performance.now();
      if (start !== undefined) counter.textContent = `${((performance.now() - start) / 1000).toFixed(1)} s`;
      if (refused) {
        item.dataset.state = 'dead';
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
