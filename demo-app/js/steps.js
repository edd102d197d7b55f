// The six steps: the ordered list, which is the content and complete without this script, and the diagram, which is a picture of
// it. One step is open at a time; its request and its response stand in it.

import { commandsOf } from './command.js';
import { button, element } from './element.js';
import { exchangeView } from './exchange-view.js';
import * as record from './record.js';
import { goOn } from './run.js';
import { sequence, stateLine } from './sequence.js';
import { knownSettings } from './settings.js';
import { signInPowershell, signInScript } from './walkthrough.js';

const items = [...document.querySelectorAll('#steps > li')];
const titles = items.map((item) => item.querySelector('h3').lastChild.textContent.trim());
const opened = new Set();
let picture;
let current = 0;
let person = 'alice';

/** Draws the diagram, and makes the list one that opens and closes. `opened(number)` hears which step was chosen. */
export function prepare() {
  items.forEach((item, index) => openable(item, index + 1));
  const arrows = items.map((item, index) => ({ from: item.dataset.from, to: item.dataset.to, label: item.dataset.label, number: index + 1 }));
  picture = sequence(['app', 'auth-server', 'api-a', 'api-b'], arrows, (index) => choose(index + 1));
  document.getElementById('diagram').replaceChildren(picture.svg);
  document.getElementById('flow').classList.add('live');
  record.onChange(show);
  items.forEach((item, index) => show(index + 1, record.step(index + 1)));
}

/** The title of a step, as it stands in the list. */
export function titleOf(number) {
  return titles[number - 1];
}

/** The step that is open; 0 if none is. */
export function chosen() {
  return current;
}

/** Opens a step and closes the others; 0 closes all. `focus`: the keyboard goes there, too. */
export function choose(number, { focus = false } = {}) {
  current = number;
  items.forEach((item, index) => {
    const isOpen = index + 1 === number;
    const head = item.querySelector('h3 button');
    head.setAttribute('aria-expanded', String(isOpen));
    item.querySelector('.body').hidden = !isOpen;
    if (isOpen) item.setAttribute('aria-current', 'step');
    else item.removeAttribute('aria-current');
    if (isOpen && focus) head.focus();
  });
  picture.select(number - 1);
  for (const listener of opened) listener(number);
}

/** The keyboard goes to the button of a step that waits. */
export function focusOnGoOn(number) {
  items[number - 1].querySelector('.go-on')?.focus();
}

/** `listener(number)` hears which step has been opened. */
export function onChoose(listener) {
  opened.add(listener);
}

/** For whom the commands of steps 1 and 2 sign in. */
export function signedInAs(name) {
  person = name;
}

/** The title becomes a button, with the state below it. */
function openable(item, number) {
  const heading = item.querySelector('h3');
  const head = element('button', { type: 'button', class: 'open', 'aria-expanded': 'false' }, ...heading.childNodes);
  head.addEventListener('click', () => choose(current === number ? 0 : number));
  heading.append(head);
  heading.after(element('p', { class: 'state' }));
  item.querySelector('.body').append(element('div', { class: 'live-part' }));
  item.querySelector('.body').hidden = true;
}

function show(number, step) {
  const item = items[number - 1];
  item.dataset.state = step.state;
  item.querySelector('.state').textContent = stateLine(step);
  picture.show(number - 1, step);
  const parts = [];
  if (step.note) parts.push(element('p', { class: 'note' }, step.note));
  if (step.state === 'next') parts.push(button('Go on', goOn, { class: 'go-on primary' }));
  else if (step.request) parts.push(wire(number, step));
  item.querySelector('.live-part').replaceChildren(...parts);
}

/** Steps 4 and 5 are the two halves of one request. */
function wire(number, step) {
  const { from, to } = number === 5 ? items[3].dataset : items[number - 1].dataset;
  const settings = knownSettings();
  const way = { from, to };
  const commands = settings && number <= 2
    ? { curl: signInScript(settings, person, number), powershell: signInPowershell(settings, person, number) }
    : commandsOf(step.request, way);
  const only = { 4: 'request', 5: 'response' }[number];
  return exchangeView(step, way, { commands, only });
}
