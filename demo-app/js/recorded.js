// A run from an earlier day, for when the auth server is away: the page explains all the same, and says that this is not now.

import { Problem } from './problem.js';
import * as record from './record.js';

/** Shows it in the diagram and the steps, and gives its tokens: { id, a, b }. */
export async function showRecorded() {
  const answer = await fetch('/app/recorded-run.json').catch(() => undefined);
  if (!answer?.ok) throw new Problem('The recorded run cannot be read.');
  const { steps, tokens } = await answer.json();
  record.clear();
  steps.forEach((step, place) => record.change(place + 1, { ...step, note: `Recorded. ${step.note ?? ''}`.trim() }));
  return tokens;
}
