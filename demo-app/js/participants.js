// Who takes part, and how each is told apart everywhere on the page: by a colour, and without colours by a letter and the style
// of its lines (style.css: .d .s .a .b .a2 .c).

import { element } from './element.js';

export const PARTICIPANTS = {
  app: { name: 'App', letter: 'D', mark: 'd' },
  'auth-server': { name: 'Auth server', letter: 'S', mark: 's' },
  'api-a': { name: 'API A', letter: 'A', mark: 'a' },
  'api-a2': { name: 'API A2', letter: 'A2', mark: 'a2' },
  'api-b': { name: 'API B', letter: 'B', mark: 'b' },
  'api-c': { name: 'API C', letter: 'C', mark: 'c' },
};

/** The participant of a client id, an API's identifier or a name in a trace. */
export function participant(name) {
  const id = /^https?:/.test(name) ? new URL(name).hostname.split('.')[0] : name.replace('demo-app', 'app');
  return PARTICIPANTS[id] ?? { name, letter: '?', mark: 'other' };
}

/** Its name with its letter, for a line of text. */
export function chip(name) {
  const { name: text, mark } = participant(name);
  return element('b', { class: `who ${mark}` }, text);
}
