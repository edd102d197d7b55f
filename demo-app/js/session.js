// Signing in and out (authorization code with PKCE; OpenID Connect Core 1.0 section 3.1). Tokens live in this module's memory
// and nowhere else. What must survive the redirect to the auth server lies in sessionStorage until the person is back.

import { isGood, jsonOf, NoAnswer, send } from './http.js';
import { decode } from './jwt.js';
import { challengeOf, randomText } from './pkce.js';
import { Problem, SignedOut } from './problem.js';
import * as record from './record.js';
import { settings } from './settings.js';

const JOURNEY = 'sign-in';
/** A token that ends sooner is renewed before it is used. */
const MARGIN_MS = 15_000;
/** Clocks of two machines differ a little. */
const CLOCKS_DIFFER_S = 60;

let tokens;
let renewing;

/** Who is signed in: the claims of the ID token. */
export function user() {
  return tokens?.user;
}

/** The tokens at hand, and what the last code was redeemed with: for showing them, and for attacks on them. */
export function held() {
  return tokens;
}

/** They are no good any more, or never will be again. */
export function forget() {
  tokens = undefined;
}

/**
 * Step 1: sends the person to the auth server. The page is left, and the tokens with it. `demand`: what else is asked of the
 * person, such as { prompt: 'consent' }; `wish`: what they wanted to do, as { what: 'run' }, to go on with it when they are back.
 */
export async function signIn(demand = {}, wish = undefined) {
  if (!globalThis.isSecureContext || !crypto.subtle) {
    throw new Problem('Signing in needs https, or an address on this machine (http://localhost).');
  }
  const { server, client_id, redirect_uri, scope, audience } = await settings({ anew: true });
  const journey = { state: randomText(), nonce: randomText(), verifier: randomText(), wish };
  const address = new URL(server.authorization_endpoint);
  const parameters = {
    response_type: 'code', client_id, redirect_uri, scope, audience,
    state: journey.state, nonce: journey.nonce,
    code_challenge: await challengeOf(journey.verifier), code_challenge_method: 'S256',
    ...demand,
  };
  const asked = Object.entries(parameters).filter(([, value]) => value !== undefined);
  for (const [name, value] of asked) address.searchParams.set(name, value);
  sessionStorage.setItem(JOURNEY, JSON.stringify({ ...journey, asked: address.href, leftAt: Date.now() }));
  location.assign(address);
}

/** Whether the person comes back from the auth server with this address. */
export function isReturn() {
  return location.pathname === '/callback';
}

/**
 * Takes what the auth server sent the person back with, and gets the tokens for it. Tells what the person had wanted to do.
 * `pause(wish)` is waited for before the code is redeemed.
 */
export async function completeSignIn({ pause } = {}) {
  const came = location.href;
  const answer = new URLSearchParams(location.search);
  // The code leaves the address bar and the history at once.
  history.replaceState(null, '', '/');
  const kept = sessionStorage.getItem(JOURNEY);
  sessionStorage.removeItem(JOURNEY);
  const again = { label: 'Sign in again', go: signIn };
  if (!kept) throw new Problem('This sign-in was not begun in this tab, or it has been used already.', again);
  const journey = JSON.parse(kept);
  const { issuer, server, client_id, redirect_uri } = await settings();

  if (answer.get('state') !== journey.state) throw new Problem('The answer does not belong to this sign-in.', again);
  // RFC 9207 section 2.4: an answer of another server is none.
  if (server.authorization_response_iss_parameter_supported && answer.get('iss') !== issuer) {
    throw new Problem('The answer does not come from the auth server that was asked.', again);
  }
  const refused = answer.has('error');
  record.change(1, {
    state: refused ? 'refused' : 'done',
    request: { method: 'GET', url: journey.asked, headers: [], body: null },
    response: { status: undefined, headers: [['Location', came]], body: '' },
    tookMs: Date.now() - journey.leftAt,
    note: 'The time is yours: from leaving this page to coming back.',
  });
  if (refused) throw new Problem(refusal(answer, journey), again);
  await pause?.(journey.wish);
  const proof = { grant_type: 'authorization_code', code: answer.get('code') ?? '', redirect_uri, code_verifier: journey.verifier };
  const got = await tokenRequest(proof, { begun: (request) => record.change(2, { state: 'running', request }) })
    .catch((error) => {
      record.change(2, { state: 'failed' });
      throw error;
    });
  record.change(2, { ...got.sent, state: got.ok ? 'done' : 'refused' });
  if (!got.ok) throw new Problem('The auth server did not finish this sign-in: a code is good for one minute, and once.', again);
  // It came straight from the token endpoint, whose address vouches for it (Core 3.1.3.7, point 6).
  const claims = decode(got.body.id_token ?? '')?.claims;
  const now = Date.now() / 1000;
  const meant = [claims?.aud].flat().includes(client_id) && claims.iss === issuer;
  if (!meant || claims.nonce !== journey.nonce || !(claims.exp > now - CLOCKS_DIFFER_S)) {
    throw new Problem('The auth server answered for another sign-in.', again);
  }
  keep(got.body, claims);
  tokens.redeemed = proof;
  return journey.wish;
}

/** The access token, renewed if it is about to end. `fresh`: renewed in any case, since an API refused the last one. */
export async function accessToken({ fresh = false, refused } = {}) {
  if (!tokens) throw new SignedOut('Sign in first.');
  // Another call may have renewed it meanwhile.
  const stale = fresh ? tokens.access === refused : tokens.endsAt - MARGIN_MS < Date.now();
  if (stale) await renew();
  return tokens.access;
}

/** Renews once for all who wait: a refresh token may be used only once. */
export async function renew() {
  renewing ??= renewNow().finally(() => { renewing = undefined; });
  return renewing;
}

async function renewNow() {
  const over = 'Your session has ended. Sign in again to go on.';
  if (!tokens.refresh) {
    tokens = undefined;
    throw new SignedOut(over);
  }
  const got = await tokenRequest({ grant_type: 'refresh_token', refresh_token: tokens.refresh });
  if (!got.ok) {
    tokens = undefined;
    throw new SignedOut(over);
  }
  keep(got.body, tokens.user);
  return got.sent;
}

/** Ends the session here and at the auth server (OpenID Connect RP-Initiated Logout 1.0). The page is left. */
export async function signOut() {
  const { server, client_id, post_logout_redirect_uri } = await settings({ anew: true }).catch(() => {
    tokens = undefined;
    throw new SignedOut('You are signed out here. The auth server does not answer, and may still know you: close the browser if others use it.');
  });
  const address = new URL(server.end_session_endpoint);
  address.searchParams.set('client_id', client_id);
  address.searchParams.set('post_logout_redirect_uri', post_logout_redirect_uri);
  if (tokens?.id) address.searchParams.set('id_token_hint', tokens.id);
  tokens = undefined;
  location.assign(address);
}

function keep(answer, claims) {
  tokens = {
    ...tokens,
    access: answer.access_token,
    endsAt: Date.now() + answer.expires_in * 1000,
    refresh: answer.refresh_token ?? tokens?.refresh,
    id: answer.id_token ?? tokens?.id,
    user: claims,
  };
}

/** A request to the token endpoint, as this app makes it: what went over the wire, and whether it was granted. */
export async function tokenRequest(parameters, watch) {
  const { server, client_id } = await settings();
  const body = new URLSearchParams({ client_id, ...parameters });
  const sent = await send(server.token_endpoint, { method: 'POST', body, ...watch }).catch((error) => {
    throw error instanceof NoAnswer ? new Problem('The auth server does not answer. Try again in a moment.') : error;
  });
  // It is there, and cannot now: the tokens may still be good.
  if (sent.response.status >= 500 || sent.response.status === 429) {
    throw new Problem('The auth server is busy. Try again in a moment.');
  }
  return { sent, ok: isGood(sent.response), body: jsonOf(sent.response) };
}

function refusal(answer, { wish }) {
  if (answer.get('error') !== 'access_denied') return 'The auth server could not sign you in.';
  return wish?.what === 'archive'
    ? 'You did not agree, so the archive stays closed. Sign in again to go on without it.'
    : 'You did not allow this app to go on, so you are not signed in.';
}
