// The attacks: what each tries, why it fails, and the file in this repository that makes it fail. The first is the one that the
// whole flow exists for.

import { algNone, publicKeyAsSecret, tampered, tokenAAtApiB } from './at-the-apis.js';
import { byApiA, oldRefreshToken, replayedCode } from './at-the-auth-server.js';
import { bobWrites, withoutConsent } from './by-people.js';

/**
 * `needs`: what this deployment must have ('demo', 'archive', 'chain'); `kills`: it ends the sign-in, so the chain's end is
 * watched; `elsewhere`: it opens in a tab of its own.
 */
export const ATTACKS = [
  {
    id: 'token-a-at-b', title: 'Send token A straight to API B', go: tokenAAtApiB, needs: 'demo',
    tries: 'The app has token A. Why not call API B with it, and leave API A out?',
    because: 'Token A names API A as its audience. API B looks for its own name there, and does not find it.',
    source: 'RFC 9068 section 4, RFC 7519 section 4.1.3', file: 'shared-claims/src/validator/checks.rs',
  },
  {
    id: 'wider-scope', title: 'Ask for more than the pairing allows', go: byApiA('wider-scope'), needs: 'demo',
    tries: 'API A asks for admin:all at API B.',
    because: 'The pairing of API A and API B lists what may be asked for. Asking for more fails; nothing is given in its place.',
    source: 'RFC 8693 section 2.2.2, RFC 6749 section 5.2', file: 'auth-server/src/exchange/scope.rs',
  },
  {
    id: 'foreign-token', title: 'Exchange a token issued for another API', go: byApiA('foreign-token'), needs: 'chain',
    tries: 'API A2 got hold of token A, which was issued for API A, and tries to exchange it.',
    because: 'Only the API that a token was issued for may exchange it. Many servers forgot this rule (CVE-2022-1245).',
    source: 'RFC 8693 section 2.1', file: 'auth-server/src/exchange/asker.rs',
  },
  {
    id: 'tampered', title: 'Change one letter of the token', go: tampered,
    tries: 'One letter of sub is another: the token of somebody else, if nobody looked closely.',
    because: 'The signature covers every letter. It no longer matches.',
    source: 'RFC 7515 section 5.2', file: 'shared-claims/src/validator/mod.rs',
  },
  {
    id: 'alg-none', title: 'Say that no signature is needed', go: algNone,
    tries: 'The header says alg: none, and the signature is left out.',
    because: 'The algorithm is that of the key, whatever the token says of itself.',
    source: 'RFC 8725 sections 2.1 and 3.1', file: 'shared-claims/src/validator/header.rs',
  },
  {
    id: 'public-key', title: 'Sign with the public key', go: publicKeyAsSecret,
    tries: 'The header says HS256, and the signature is an HMAC with the auth server’s public key, which everybody has.',
    because: 'That key is for RSA signatures, and for nothing else.',
    source: 'RFC 8725 sections 2.1 and 3.1', file: 'shared-claims/src/validator/key_set.rs',
  },
  {
    id: 'unpaired-target', title: 'Ask for an API that is not paired', go: byApiA('unpaired-target'), needs: 'demo',
    tries: 'API A asks for a token of an API that it has no business with.',
    because: 'Source and target must be paired. One that is not paired and one that does not exist get the same answer.',
    source: 'RFC 8693 section 2.2.2', file: 'auth-server/src/exchange/target.rs',
  },
  {
    id: 'too-deep', title: 'Go one hop too deep', go: byApiA('too-deep'), needs: 'chain',
    tries: 'From API to API to API, each exchanging what it got, further than the auth server allows.',
    because: 'A chain has at most as many actors as exchange.max_actors says, the app included.',
    source: 'RFC 8693 section 4.1', file: 'auth-server/src/exchange/actor.rs',
  },
  {
    id: 'bob-writes', title: 'Let Bob file a receipt', go: bobWrites, needs: 'demo',
    tries: 'Bob may read receipts and not file any. API A may do both on behalf of its users.',
    because: 'A token never allows more than its user may do, whoever asks. Nothing of what was asked is left.',
    source: 'RFC 6749 section 3.3', file: 'auth-server/src/exchange/scope.rs',
  },
  {
    id: 'no-consent', title: 'Ask for the archive without consent', go: withoutConsent, needs: 'archive',
    tries: 'API A asks for a token of API C, an archive that wants its users to agree first.',
    because: 'The user has not agreed. The app can send them to the auth server, which asks: “Load archive”, further below.',
    source: 'OpenID Connect Core section 3.1.2.6', file: 'auth-server/src/exchange/consent.rs',
  },
  {
    id: 'carol', title: 'Sign in as Carol, who is blocked', elsewhere: '/?user=carol',
    tries: 'Carol knows her password, carol-password. In the new tab, run it as Carol.',
    because: 'The sign-in page says the same words as for a wrong password, so nobody learns which accounts exist. The operator reads the reason in the ledger: auth-server audit export.',
    source: 'RFC 9700 section 4, RFC 6749 section 10', file: 'auth-server/src/users/sign_in.rs',
  },
  {
    id: 'code-twice', title: 'Use the code twice', go: replayedCode, kills: true,
    tries: 'A thief has read the code in a log, with the PKCE verifier even, and redeems it after the app did.',
    because: 'A code works once. Used twice, it was stolen: the tokens that it gave die as well. This ends your sign-in.',
    source: 'RFC 6749 section 4.1.2', file: 'auth-server/src/grants/authorization_code.rs',
  },
  {
    id: 'old-refresh-token', title: 'Use an old refresh token', go: oldRefreshToken, kills: true,
    tries: 'The app has renewed its tokens twice. Somebody comes with the first refresh token.',
    because: 'Each refresh token works once. An old one after its successor was used means that two hold the same: the whole chain dies. This ends your sign-in.',
    source: 'RFC 9700 section 4.14.2', file: 'auth-server/src/grants/refresh_token.rs',
  },
];
