// Calls of API A, with the person's access token (RFC 6750 section 2.1).

import { challengeOf, isGood, jsonOf, NoAnswer, send } from './http.js';
import { Problem, Question, SignedOut } from './problem.js';
import { accessToken, signIn } from './session.js';

/** The report: totals by month and by merchant. `watch`: who is told of the request, see `call`. */
export function report(watch) {
  return call('/api/report', { watch });
}

/** The same, by way of a second API A: the longer chain of the demo world. */
export function chain(watch) {
  return call('/demo/chain', { watch });
}

/** The caller, as API A sees them. */
export function me(watch) {
  return call('/api/me', { watch });
}

/** Totals of the archived receipts. The archive asks the person first: see `problemOf`. */
export function archive(watch) {
  return call('/api/archive', { wish: { what: 'archive' }, watch });
}

/** Files a receipt; API A passes it on to API B on behalf of the person. */
export function fileReceipt(receipt, watch) {
  return call('/api/receipts', { method: 'POST', body: JSON.stringify(receipt), watch });
}

/**
 * `wish`: what the person wants, to go on with it where they have to be sent away first. `watch`: { traceparent, begun(request),
 * ended(sent) }; `sent` has no response where none came.
 */
async function call(path, { wish, watch, ...options } = {}) {
  const token = await accessToken();
  let sent = await sendWith(token, path, options, watch);
  if (sent.response.status === 401 && challengeOf(sent.response).error === 'invalid_token') {
    // It may have been revoked, or ended on its way: once more with a fresh one.
    sent = await sendWith(await accessToken({ fresh: true, refused: token }), path, options, watch);
  }
  if (isGood(sent.response)) return jsonOf(sent.response);
  throw problemOf(sent.response, wish);
}

async function sendWith(token, path, options, watch) {
  const headers = { Authorization: `Bearer ${token}` };
  if (options.body) headers['Content-Type'] = 'application/json';
  if (watch?.traceparent) headers.traceparent = watch.traceparent;
  try {
    const sent = await send(path, { ...options, headers, begun: watch?.begun });
    watch?.ended?.(sent);
    return sent;
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    watch?.ended?.(error.sent);
    throw new Problem('The service does not answer. Check your connection, and try again.');
  }
}

function problemOf(response, wish) {
  const demand = challengeOf(response);
  switch (response.status) {
    case 401:
      // The person has to agree at the auth server's page; the same call works afterwards.
      if (demand.error === 'interaction_required') {
        const ask = () => signIn({ prompt: 'consent' }, wish);
        return new Question('This needs your consent first. The next page tells who would see what and asks you; then you come back here.', { label: 'Continue', go: ask });
      }
      // A sign-in that is stronger or more recent (RFC 9470 section 4).
      if (demand.error === 'insufficient_user_authentication') {
        const { acr_values, max_age } = demand;
        return new Problem('This needs you to sign in once more.', { label: 'Sign in', go: () => signIn({ acr_values, max_age }, wish) });
      }
      return new SignedOut('Your session has ended. Sign in again to go on.');
    case 403:
      return new Problem('You are not allowed to do this. An administrator can give you the permission.');
    default:
      return new Problem(jsonOf(response).detail ?? 'Something went wrong. Try again in a moment.');
  }
}
