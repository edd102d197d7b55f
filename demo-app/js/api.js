// Calls of API A, with the person's access token (RFC 6750 section 2.1).

import { Problem, SignedOut } from './problem.js';
import { accessToken, signIn } from './session.js';

/** The report: totals by month and by merchant. */
export function report() {
  return call('/api/report');
}

/** Files a receipt; API A passes it on to API B on behalf of the person. */
export function fileReceipt(receipt) {
  return call('/api/receipts', { method: 'POST', body: JSON.stringify(receipt) });
}

async function call(path, options = {}) {
  const token = await accessToken();
  let response = await send(path, options, token);
  if (response.status === 401 && challenge(response).includes('error="invalid_token"')) {
    // It may have been revoked, or ended on its way: once more with a fresh one.
    response = await send(path, options, await accessToken({ fresh: true, refused: token }));
  }
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  throw problemOf(response, body);
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

function problemOf(response, body) {
  switch (response.status) {
    case 401:
      if (challenge(response).includes('insufficient_user_authentication')) {
        return new Problem('This needs you to sign in once more.', { label: 'Sign in', go: signIn });
      }
      return new SignedOut('Your session has ended. Sign in again to go on.');
    case 403:
      return new Problem('You are not allowed to do this. An administrator can give you the permission.');
    default:
      return new Problem(body.detail ?? 'Something went wrong. Try again in a moment.');
  }
}

function challenge(response) {
  return response.headers.get('WWW-Authenticate') ?? '';
}
