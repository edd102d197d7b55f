// Attacks that take a person: who may not write, and who has not agreed. The app asks as always; API A's exchange is refused, and
// with it the call.

import * as api from '../api.js';
import { isGood } from '../http.js';
import { Problem } from '../problem.js';
import * as session from '../session.js';
import { follow, newTrace } from '../trace.js';
import { byApiA } from './at-the-auth-server.js';

/** Files a receipt as whoever is signed in. Bob has no permission for it at API B. */
export async function bobWrites() {
  const { name, preferred_username } = session.user();
  if (!/^bob\b/i.test(preferred_username ?? name ?? '')) {
    const go = () => session.signIn({ prompt: 'login', login_hint: 'bob' }, { what: 'attack', attack: 'bob-writes', user: 'bob' });
    throw new Problem('This takes Bob. Sign in as him, and the attack goes on by itself.', { label: 'Sign in as Bob', go });
  }
  const receipt = { merchant: 'Not allowed', amount_cents: 100, currency: 'EUR', purchased_on: '2026-01-02' };
  return traced((watch) => api.fileReceipt(receipt, watch), 'no-permission');
}

/** Asks for the archive, to which nobody has agreed. */
export async function withoutConsent() {
  const outcome = await traced((watch) => api.archive(watch), 'no-consent');
  if (isGood(outcome.sent.at(-1).response)) {
    throw new Problem('You have agreed to this before, so the archive is open. Take it back on your account page (“Stop this”), and try again.');
  }
  return outcome;
}

/** The call, with what API A did for it, and the rules of that exchange. */
async function traced(call, explainedBy) {
  const { id, traceparent } = newTrace();
  const events = [];
  const stream = follow(id, (event) => events.push(event));
  let own;
  await call({ traceparent, ended: (sent) => { own = { ...sent, from: 'app', to: 'api-a' }; } }).catch((error) => {
    if (!own) throw error;
  });
  stream.closeSoon();
  const explanation = await byApiA(explainedBy)().then((made) => made.explanation, () => undefined);
  await stream.whenOver;
  const between = events.filter(({ response }) => response)
    .map(({ request, response, took_ms, from, to }) => ({ request, response, tookMs: took_ms ?? undefined, from, to }));
  return { sent: [...between, own], explanation };
}
