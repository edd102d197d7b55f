// What the person is told, at one place of the page, which screen readers say when it changes; and doing something in such a way
// that they hear in plain words where it does not work.

import { Question, SignedOut } from './problem.js';

const place = document.getElementById('message');

/** How often something was said that was not just narration. */
let spoken = 0;

/**
 * `kind`: '', 'done', 'good', 'question' or 'problem'; those from 'good' on stay in view when the person scrolls. `way`: a button
 * that leads on.
 */
export function say(text, kind = '', way) {
  spoken += 1;
  show(text, kind, way);
}

/** Says what happens from now on, until something else is said: a question is not talked over. */
export function narrator() {
  const begun = spoken;
  return (...told) => {
    if (spoken === begun) show(...told);
  };
}

function show(text, kind = '', way) {
  place.className = `message ${kind}`;
  place.replaceChildren(text);
  if (way) {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = way.label;
    button.addEventListener('click', () => attempt(way.go));
    place.append(' ', button);
  }
}

let whenSignedOut = () => undefined;

/** What the page does when nobody is signed in any more; it gives a way back in. */
export function onSignedOut(work) {
  whenSignedOut = work;
}

/** Does it, and tells the person in plain words if it does not work. A button that is at work takes no second press. */
export async function attempt(work, trigger) {
  if (trigger?.ariaDisabled === 'true') return;
  if (trigger) trigger.ariaDisabled = 'true';
  try {
    await work();
  } catch (error) {
    const way = error instanceof SignedOut ? error.way ?? whenSignedOut() : error.way;
    const known = error.constructor !== Error && 'way' in error;
    if (!known) console.error(error);
    const kind = error instanceof Question ? 'question' : 'problem';
    say(known ? error.message : 'Something went wrong on this page. Reload it and try again.', kind, way);
    // It stays in view by itself: the page shall not jump.
    place.focus({ preventScroll: true });
  } finally {
    if (trigger) trigger.ariaDisabled = 'false';
  }
}
