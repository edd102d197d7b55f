// What has happened so far: one entry for each of the six steps. Whoever sends a request writes it here; whoever shows something
// listens. Nothing here is kept beyond the tab.

/** How a step may stand, in the words that the page uses. */
export const STATES = {
  idle: 'not yet', next: 'next', running: 'under way', done: 'done', refused: 'refused', failed: 'failed',
};

/** How this one stands. */
export function wordFor({ state, response, cached }) {
  if (cached) return 'kept from before';
  return state === 'failed' && !response ? 'no answer' : STATES[state];
}

export const LAST = 6;

const listeners = new Set();
const steps = new Map();

function blank() {
  return { state: 'idle', request: null, response: null, tookMs: undefined, note: undefined };
}

export function step(number) {
  return steps.get(number) ?? blank();
}

/** Changes a step: any of state, request, response, tookMs, note. */
export function change(number, news) {
  steps.set(number, { ...step(number), ...news });
  for (const listener of listeners) listener(number, step(number));
}

/** Forgets the steps from `first` on. */
export function clear(first = 1) {
  for (let number = first; number <= LAST; number += 1) {
    steps.set(number, blank());
    for (const listener of listeners) listener(number, step(number));
  }
}

/** `listener(number, step)` hears of every change. */
export function onChange(listener) {
  listeners.add(listener);
}

/** All steps as they stand: for the recorded run. */
export function all() {
  return Array.from({ length: LAST }, (_, place) => step(place + 1));
}
