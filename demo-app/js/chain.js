// The longer chain, A -> A2 -> B, and the end of a chain: revoked by the app, or by the person on their account page.

import * as api from './api.js';
import { watchDeaths } from './deaths.js';
import { element } from './element.js';
import { isGood, jsonOf, NoAnswer, send } from './http.js';
import { Problem } from './problem.js';
import * as session from './session.js';
import { settings } from './settings.js';
import { follow, newTrace } from './trace.js';
import { tree } from './tree.js';

let tokens = [];
let watching = 0;

/** Shows the chain as far as it is known. */
export function showChain(place, chain, { dead = false } = {}) {
  tokens = chain.filter(Boolean);
  place.replaceChildren(...(tokens.length > 0 ? [tree(tokens, { dead })] : []));
}

/** Calls API B by way of API A2: each hop exchanges again, and its token lies below the one before. */
export async function runLongerChain(place) {
  const { id, traceparent } = newTrace();
  const granted = [];
  const stream = follow(id, ({ step, hop, response }) => {
    const token = step === 4 && response && isGood(response) && jsonOf(response).access_token;
    if (token) granted[hop] = token;
  });
  const { receipts } = await api.chain({ traceparent });
  stream.closeSoon();
  await stream.whenOver;
  showChain(place, [session.held().access, ...granted]);
  return { receipts, hops: granted.filter(Boolean).length };
}

/** Takes back everything that came from this sign-in (RFC 7009), with the app's own refresh token. */
export async function revoke() {
  const { server, client_id } = await settings();
  const { refresh, access } = session.held();
  const body = new URLSearchParams({ token: refresh ?? access, client_id });
  const sent = await send(server.revocation_endpoint, { method: 'POST', body }).catch((error) => {
    throw error instanceof NoAnswer ? new Problem('The auth server does not answer, so nothing is revoked. Try again in a moment.') : error;
  });
  if (!isGood(sent.response)) throw new Problem('The auth server did not revoke anything. Sign in again, and try once more.');
}

/**
 * Asks everybody who takes the tokens at hand until all refuse: whether they did. Only the last watch counts. The tree then tells
 * that they are dead. `begun`: when they were revoked, if that is known.
 */
export async function watch(place, treePlace, { title, begun }) {
  const { server, demo } = await settings();
  const mine = watching += 1;
  const { access } = session.held();
  const watched = [
    { api: 'auth-server', token: access, url: server.userinfo_endpoint },
    { api: 'api-a', token: access, url: '/api/me' },
  ];
  if (demo && tokens.length > 1) watched.push({ api: 'api-b', token: tokens.at(-1), url: new URL('/api/me', demo.api_b.url).href });
  const dead = await watchDeaths(place, watched, { title, begun, running: () => watching === mine });
  if (dead) treePlace.replaceChildren(tree(tokens, { dead: true }));
  else if (watching === mine) place.append(element('p', { class: 'note' }, 'Nothing was revoked for two minutes, so the page stopped asking.'));
  return dead;
}

/** Nobody is watched any more. */
export function stopWatching() {
  watching += 1;
}
