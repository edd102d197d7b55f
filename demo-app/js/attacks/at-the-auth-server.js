// Attacks on the auth server: those of a thief who has seen a code or a refresh token, sent by the page itself, and exchanges that
// API A sends with its own client identity (`POST /demo/attacks/...`, demo mode only).

import { Problem } from '../problem.js';
import { isGood, jsonOf, send } from '../http.js';
import * as session from '../session.js';

/** The code that this sign-in came with, once more. */
export async function replayedCode() {
  const { redeemed } = session.held();
  const { sent } = await session.tokenRequest(redeemed);
  return { sent: [to(sent)], kills: !isGood(sent.response) };
}

/** A refresh token that has been rotated away, after its successor was used: one of the two is a thief's. */
export async function oldRefreshToken() {
  const old = session.held().refresh;
  const rotations = [await session.renew(), await session.renew()];
  const { sent } = await session.tokenRequest({ grant_type: 'refresh_token', refresh_token: old });
  return { sent: [...rotations, sent].map(to), kills: !isGood(sent.response) };
}

/** One of the attacks that API A makes. */
export function byApiA(name) {
  return async () => {
    const asked = await send(`/demo/attacks/${name}`, {
      method: 'POST', headers: { Authorization: `Bearer ${await session.accessToken()}`, 'Content-Type': 'application/json' }, body: '{}',
    });
    const answer = jsonOf(asked.response);
    if (!isGood(asked.response)) throw new Problem(answer.detail ?? 'API A does not make this attack: it does so in demo mode only.');
    const sent = answer.sent.map(({ request, response, took_ms, from, to }) => ({ request, response, tookMs: took_ms ?? undefined, from, to }));
    return { sent, explanation: answer.explanation };
  };
}

function to(sent) {
  return { ...sent, from: 'app', to: 'auth-server' };
}
