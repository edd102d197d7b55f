// Calls of API A, with the person's access token (RFC 6750 section 2.1).

import { Problem, Question, SignedOut } from './problem.js';
import { accessToken, signIn } from './session.js';

/** The report: totals by month and by merchant. */
export function report() {
  return call('/api/report');
}

/** Totals of the archived receipts. The archive asks the person first: see `problemOf`. */
export function archive() {
  return call('/api/archive', { wish: 'archive' });
}

/** Files a receipt; API A passes it on to API B on behalf of the person. */
export function fileReceipt(receipt) {
  return call('/api/receipts', { method: 'POST', body: JSON.stringify(receipt) });
}

/** `wish`: what the person wants, to go on with it where they have to be sent away first. */
async function call(path, { wish, ...options } = {}) {
  const token = await accessToken();
  let response = await send(path, options, token);
  if (response.status === 401 && challengeOf(response).error === 'invalid_token') {
    // It may have been revoked, or ended on its way: once more with a fresh one.
    response = await send(path, options, await accessToken({ fresh: true, refused: token }));
  }
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  throw problemOf(response, body, wish);
}

async function send(path, options, token) {
  const headers = { Authorization: `Bearer ${token}` };
  if (options.body) headers['Content-Type'] = 'application/json';
  try {
    return await fetch(path, { ...options, headers, credentials: 'omit' });
  } catch {
    throw new Problem('The service does not answer. Check your connection, and try again.');
  }
}

function problemOf(response, body, wish) {
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
      return new Problem(body.detail ?? 'Something went wrong. Try again in a moment.');
  }
}

/** The parameters of the challenge (RFC 6750 section 3). */
function challengeOf(response) {
  const header = response.headers.get('WWW-Authenticate') ?? '';
  return Object.fromEntries([...header.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));
}
