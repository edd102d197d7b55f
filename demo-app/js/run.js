// Runs the flow and lets the page see it: at real speed, or step by step. Steps 1 to 3 are the app's own requests; of steps 4 to 6
// API A tells (trace.js). The page never waits for that: no trace, no arrows 4 to 6, and the report is there all the same.

import * as api from './api.js';
import { isGood, jsonOf } from './http.js';
import { Problem } from './problem.js';
import * as record from './record.js';
import * as session from './session.js';
import { settings } from './settings.js';
import { follow, newTrace } from './trace.js';

/** From one arrow to the next: what took three milliseconds is seen, too. */
const PACE_MS = 300;

const ABOUT = {
  1: 'About to be sent: you, to the auth server’s sign-in page, with the app’s client_id, the scopes it wants, a state, a nonce and a PKCE challenge.',
  2: 'About to be sent: POST to the token endpoint, with the code you came back with and the PKCE verifier. A code is good for one minute.',
  3: 'About to be sent: GET /api/report to API A, with token A in the Authorization header.',
  4: 'API A has sent this by now: a page can hold itself, but no server. It is shown when you go on.',
  5: 'The answer to step 4 is shown when you go on.',
  6: 'API A has sent this, too. It is shown when you go on.',
};

const TOLD_NOTHING = 'API A told nothing of this step. It does so in demo mode only (demo_trace in api-a.toml).';

let slowly = false;
let waiting;
/** What is still to be shown, one after the other. */
let shown = Promise.resolve();

/**
 * Step 1 for `user`, who is asked for the password even if the auth server knows them: it is part of the story. `step`: which one is
 * open, and will be again.
 */
export async function begin(user, { stepByStep = false, step = 0 } = {}) {
  slowly = stepByStep;
  record.clear();
  if (slowly) await hold(1);
  record.change(1, { state: 'running', note: undefined });
  try {
    await session.signIn({ prompt: 'login', login_hint: user }, { what: 'run', user, slowly, step });
  } catch (error) {
    record.change(1, { state: 'failed', note: 'The auth server could not be reached.' });
    throw error;
  }
}

/** Between steps 1 and 2, back on the page: waits where the person goes step by step. */
export function pause(wish) {
  slowly = wish?.slowly ?? false;
  return slowly ? hold(2) : undefined;
}

/** Steps 3 to 6. Gives the report as soon as it is there, and `settled` when everything has been shown. */
export async function report({ stepByStep = slowly } = {}) {
  slowly = stepByStep;
  record.clear(3);
  if (slowly) await hold(3);
  const { demo } = await settings();
  const trace = demo ? newTrace() : undefined;
  const stream = trace && follow(trace.id, onEvent);
  let answered;
  try {
    const got = await api.report({
      traceparent: trace?.traceparent,
      begun: (request) => record.change(3, { state: 'running', request, note: undefined }),
      ended: (sent) => { answered = sent; },
    });
    return { report: got, settled: settle(stream, answered) };
  } catch (error) {
    await settle(stream, answered);
    if (record.step(6).state === 'failed') throw new Problem(`API B does not answer. ${error.message}`, error.way);
    throw error;
  }
}

/** Waits for the last events, and shows the end of step 3 after them: it lasts until API A answers. */
async function settle(stream, answered) {
  stream?.closeSoon();
  await Promise.race([stream?.whenOver, allShown()]);
  await shown;
  if (answered) {
    record.change(3, { ...answered, state: stateOf(answered.response) });
  }
  if (answered?.response && isGood(answered.response)) {
    for (const number of [4, 5, 6]) {
      if (record.step(number).state === 'idle') record.change(number, { note: TOLD_NOTHING });
    }
  }
}

/** A server that is in trouble has refused nothing. */
function stateOf(response) {
  if (!response || response.status >= 500) return 'failed';
  return isGood(response) ? 'done' : 'refused';
}

/** All of step 6 has been told, so nothing more will come. */
function allShown() {
  return new Promise((resolve) => {
    record.onChange((number, { state }) => {
      if (number === 6 && ['done', 'refused', 'failed'].includes(state)) resolve();
    });
  });
}

/** One event of the trace, as changes of the steps that it belongs to. Further hops belong to the longer chain. */
function onEvent(event) {
  if (event.hop > 0) return;
  if (event.state === 'started') reveal(event.step, { state: 'running', request: event.request });
  else if (event.step === 4) exchanged({ ...event, tookMs: event.took_ms ?? undefined });
  else called({ ...event, tookMs: event.took_ms ?? undefined });
}

/** The request of an exchange is step 4, its answer step 5. */
function exchanged({ state, cached, request, response, tookMs, error }) {
  if (cached) {
    reveal(4, { state: 'done', cached, note: state === 'done'
      ? 'No request was needed: API A still had the token B that it got for this very token A.'
      : 'No request was sent: the same one has just been refused.' });
    reveal(5, { state, cached, response, note: error ?? undefined });
  } else if (response) {
    reveal(4, { state: 'done', request });
    reveal(5, { state, request, response, tookMs });
  } else {
    reveal(4, { state, request, tookMs, note: error ?? 'The auth server does not answer.' });
  }
}

function called({ state, request, response, tookMs, error }) {
  const note = state === 'failed' ? `API B does not answer. What API A made of that is its answer to step 3. (${error})` : undefined;
  reveal(6, { state, request, response, tookMs, note });
}

function reveal(number, news) {
  shown = shown.then(async () => {
    if (slowly && record.step(number).state === 'idle') await hold(number);
    record.change(number, { note: undefined, tookMs: undefined, ...news });
    await new Promise((resolve) => { setTimeout(resolve, PACE_MS); });
  });
}

/** Waits until the person goes on. */
function hold(number) {
  record.change(number, { state: 'next', note: ABOUT[number] });
  return new Promise((resolve) => { waiting = resolve; });
}

/** Goes on, if something waits: whether it did. */
export function goOn() {
  const go = waiting;
  waiting = undefined;
  go?.();
  return Boolean(go);
}

/** Token B, as API A got it, if it told. */
export function tokenB() {
  return jsonOf(record.step(5).response).access_token;
}
