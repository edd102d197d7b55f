// The part of the page about tokens: token A beside token B, and a card for each.

import { comparison } from './comparison.js';
import { element } from './element.js';
import { decode } from './jwt.js';
import { tokenCard } from './token-view.js';

/** `id`, `a`, `b`: the tokens as they are; b is missing where API A did not tell. */
export function showTokens(compared, cards, { id, a, b }) {
  const [claimsOfA, claimsOfB] = [a, b].map((token) => token && decode(token)?.claims);
  compared.replaceChildren(claimsOfA && claimsOfB
    ? comparison(claimsOfA, claimsOfB)
    : element('p', { class: 'muted' }, 'Token B is not known here: API A tells of it in demo mode only, once a report has been asked for.'));
  cards.replaceChildren(...[
    { title: 'Access token A', token: a, audience: 'api-a', holder: 'app', mark: 'a', about: 'It opens API A, and nothing else.' },
    { title: 'Access token B', token: b, audience: 'api-b', holder: 'api-a', mark: 'b', about: 'The app never sees it, but for this demo.' },
    { title: 'ID token', token: id, audience: 'app', holder: 'app', mark: 'd', about: 'It tells who signed in, and opens nothing.' },
  ].filter(({ token }) => token && decode(token)).map(tokenCard));
}
