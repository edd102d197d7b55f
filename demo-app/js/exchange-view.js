// One request and its answer, as they went over the wire: tokens folded, secrets masked by whoever reported them. Below, the same
// as a command to copy.

import { button, element } from './element.js';
import { folded } from './folded.js';
import { commandsOf } from './command.js';
import { timeText } from './time-text.js';

/** Headers that say nothing about the flow, in every answer of every server here. */
const DULL = /^(access-control-.*|vary|pragma|date|content-length|x-content-type-options|x-request-id|referrer-policy|content-security-policy|cross-origin-.*|server|connection|keep-alive)$/;

/** `sent`: { request, response, tookMs }; `way`: { from, to, places }; `commands`: instead of those made from the request. */
export function exchangeView(sent, way, { commands, only } = {}) {
  const parts = [];
  if (only !== 'response') parts.push(block('Request', requestText(sent.request)));
  if (only !== 'request') {
    const { response, tookMs } = sent;
    const facts = [response?.status, tookMs === undefined ? undefined : timeText(tookMs)].filter(Boolean).join(' · ');
    const title = facts ? `Response, ${facts}` : 'Response';
    parts.push(block(title, response ? responseText(response) : 'No answer came.'));
  }
  return element('div', { class: 'wire' }, ...parts, copying(commands ?? commandsOf(sent.request, way)));
}

function block(title, text) {
  return element('div', {}, element('p', { class: 'wire-title' }, title), element('pre', { class: 'http', tabindex: '0', role: 'group', 'aria-label': title }, ...folded(text)));
}

function requestText({ method, url, headers, body }) {
  const address = new URL(url);
  const parameters = [...address.searchParams].map(([name, value], place) => `\n  ${place === 0 ? '?' : '&'}${name}=${value}`);
  const lines = [`${method} ${address.origin}${address.pathname}${parameters.join('')}`];
  for (const [name, value] of headers) lines.push(`${name}: ${value}`);
  if (body) lines.push('', bodyText(body, headers));
  return lines.join('\n');
}

function responseText({ status, headers, body }) {
  const lines = status === undefined ? [] : [`HTTP ${status}`];
  for (const [name, value] of headers) {
    if (!DULL.test(name.toLowerCase())) lines.push(`${name}: ${value}`);
  }
  if (body) lines.push('', bodyText(body, headers));
  return lines.join('\n');
}

/** Forms one parameter a line, JSON with its lines indented; anything else as it is. */
function bodyText(body, headers) {
  const type = headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1] ?? '';
  if (type.includes('x-www-form-urlencoded')) return [...new URLSearchParams(body)].map(([name, value]) => `${name}=${value}`).join('\n');
  try {
    return JSON.stringify(JSON.parse(body), undefined, 2);
  } catch {
    return body;
  }
}

/** The command, shown and copied, in two languages. */
function copying({ curl, powershell }) {
  const text = element('pre', { class: 'command', tabindex: '0', role: 'group', 'aria-label': 'The command' }, ...folded(curl));
  let chosen = curl;
  const choose = (one) => {
    chosen = one;
    text.replaceChildren(...folded(one));
    for (const [made, command] of tabs) made.setAttribute('aria-pressed', String(command === one));
  };
  const tabs = [
    [button('bash, zsh', () => choose(curl), { 'aria-pressed': 'true' }), curl],
    [button('PowerShell', () => choose(powershell), { 'aria-pressed': 'false' }), powershell],
  ];
  const details = element('details', { class: 'copying' }, element('summary', {}, 'As a command'),
    element('p', { class: 'actions' }, ...tabs.map(([made]) => made), button('Copy', (made) => copy(chosen, made))), text);
  return element('div', { class: 'commands' }, button('Copy as curl', (made) => copy(curl, made)), details);
}

/** Puts the text into the clipboard, and says so on the button itself. */
export async function copy(text, made) {
  const label = made.dataset.label ??= made.textContent;
  try {
    await navigator.clipboard.writeText(text);
    made.textContent = 'Copied';
  } catch {
    made.textContent = 'Your browser does not allow it';
  }
  setTimeout(() => { made.textContent = label; }, 2_000);
}
