// Ties the page together: what is shown, which button does what, and what happens on the way back from the auth server.

import * as api from './api.js';
import * as appParts from './app-parts.js';
import { press, showAttacks } from './attacks/view.js';
import * as chain from './chain.js';
import { copy, exchangeView } from './exchange-view.js';
import { attempt, narrator, onSignedOut, say } from './message.js';
import * as presenting from './presenting.js';
import { Problem } from './problem.js';
import { showRecorded } from './recorded.js';
import * as record from './record.js';
import * as run from './run.js';
import * as session from './session.js';
import { knownSettings, settings } from './settings.js';
import * as steps from './steps.js';
import { prepareThemeSwitch } from './theme-switch.js';
import { timeText } from './time-text.js';
import { showTokens } from './tokens.js';
import { wholeScript } from './walkthrough.js';

const part = (id) => document.getElementById(id);
const asked = presenting.asked();
/** Whose name the commands and the address bear. */
let person = asked.user ?? 'alice';
/** The person ended the sign-in to see what happens: what led to it stays in view. */
let ended = false;
let running;
/** Tells of the steps, as long as nothing else is said. */
let narrate = narrator();

/** Shows what fits: the way in, or the app. */
function show() {
  const user = session.user();
  for (const id of ['account', 'report-section', 'sign-out', 'more']) part(id).hidden = !user;
  for (const id of ['tokens', 'attacks', 'longer']) part(id).hidden = !user && !ended;
  // Nothing of the person who was signed in stays on the page.
  if (!user && !ended) for (const id of ['comparison', 'token-cards', 'attack-list', 'chain-tree', 'deaths', 'seen']) part(id).replaceChildren();
  part('seen').hidden = part('seen').childElementCount === 0;
  part('welcome').hidden = Boolean(user);
  part('user-name').textContent = nameOf(user);
  appParts.show(user, knownSettings()?.archive);
  const demo = knownSettings()?.demo;
  part('copying').hidden = !knownSettings();
  part('what-a-sees').hidden = !user;
  part('run-chain').hidden = !demo?.chain || !user;
  for (const id of ['revoke', 'watch']) part(id).hidden = !user;
}

function nameOf(user) {
  return user ? user.name ?? user.preferred_username ?? user.sub : '';
}

/** Fills what there is to be seen of a sign-in, with its attacks. */
function showSignIn() {
  ended = false;
  show();
  part('account-page').href = new URL('/account', knownSettings().issuer).href;
  part('deaths').replaceChildren();
  showAttacks(part('attack-list'), knownSettings(), { attempt, say, killed });
  showTokensNow();
}

/** An attack has ended the sign-in: `place` shows how. */
function killed(place) {
  return end({ title: 'Used twice: how long do its tokens live on?', begun: performance.now() }, place);
}

function showTokensNow() {
  const held = session.held();
  if (!held) return;
  showTokens(part('comparison'), part('token-cards'), { id: held.id, a: held.access, b: run.tokenB() });
  chain.showChain(part('chain-tree'), [held.access, run.tokenB()]);
}

/** Steps 1 and 2 for one of the users, and on with the rest. */
function begin(user, stepByStep = false) {
  person = user;
  steps.signedInAs(user);
  part('flow-title').textContent = 'The six steps';
  narrate = narrator();
  return run.begin(user, { stepByStep, step: steps.chosen() });
}

/** Steps 3 to 6. Pressed twice, it runs once. */
function runReport(options) {
  running ??= runNow(options).finally(() => { running = undefined; });
  return running;
}

/** A report of what is there now, and not of what was there when the last run began; without a word on its steps. */
async function runReportAnew() {
  await running?.catch(() => undefined);
  return runReport({ stepByStep: false, quiet: true });
}

async function runNow(options) {
  chain.stopWatching();
  narrate = options?.quiet ? () => undefined : narrator();
  const settled = await appParts.loadReport(() => run.report(options)).catch((error) => {
    if (error.constructor === Problem) error.way ??= { label: 'Try again', go: () => runReport({ stepByStep: false }) };
    throw error;
  });
  await settled.whenShown;
  part('pace').hidden = !knownSettings().demo;
  showTokensNow();
  narrate(`The report is here: ${settled.counted}. All six steps are done: compare the tokens, then try to break it.`, 'done');
}

/** Back from the auth server: signed in, and on with what the person had wanted. */
async function arrive() {
  const wish = await session.completeSignIn({ pause: run.pause });
  if (wish?.user) person = wish.user;
  steps.signedInAs(person);
  await settings();
  showSignIn();
  say(`You are signed in as ${part('user-name').textContent}.`);
  part('account-title').focus();
  if (wish?.step && !wish.slowly) steps.choose(wish.step);
  if (wish?.what === 'run') await runReport();
  if (wish?.what === 'attack') press(wish.attack);
  if (wish?.what === 'archive') await appParts.loadArchive({ focus: true });
}

/** The sign-in is over, or will be, and the page shows how its tokens die. */
async function end(how, place = part('deaths')) {
  const dead = await chain.watch(place, part('chain-tree'), how);
  if (!dead) return;
  session.forget();
  ended = true;
  show();
  say('Everybody refuses the tokens now. Sign in again to go on.', 'done', { label: `Run it again as ${capital(person)}`, go: () => begin(person) });
}

async function revoke() {
  await chain.revoke();
  say('Revoked. Both APIs are asked until they refuse.');
  await end({ title: 'Revoked: how long do its tokens live on?', begun: performance.now() });
}

/** One sentence for each step, for everybody. */
function tell(number, step) {
  const { state, tookMs, note } = step;
  const title = steps.titleOf(number);
  if (state === 'next') {
    say(`Next, step ${number} of 6: ${title}. ${note ?? ''}`);
    narrate = narrator();
    steps.choose(number);
    steps.focusOnGoOn(number);
  } else if (['done', 'refused', 'failed'].includes(state)) {
    narrate(`Step ${number} of 6: ${title}: ${record.wordFor(step)}${tookMs === undefined ? '' : `, ${timeText(tookMs)}`}.`);
  }
}

/** Signing in works at one address only; a name and a number for this machine are two. */
async function checkAddress() {
  const { redirect_uri, issuer } = await settings().catch((error) => {
    part('recorded').hidden = false;
    part('copying').hidden = false;
    throw new Problem(`${error.message} Until then, a recorded run shows what happens.`, { label: 'Show a recorded run', go: playRecorded });
  });
  show();
  const home = new URL('/', redirect_uri);
  if (location.origin !== home.origin) {
    const go = async () => location.assign(home);
    say(`This app signs in at ${home.origin}, and you opened it at ${location.origin}.`, 'problem', { label: 'Go there', go });
    return;
  }
  const local = (address) => /^(localhost|127\.|\[::1\])/.test(new URL(address).hostname);
  if (local(issuer) && !local(home)) {
    say(`The auth server is at ${issuer}, which means this machine: browsers refuse calls there from ${home.origin}. Set both to public addresses.`, 'problem');
  }
}

async function playRecorded() {
  const tokens = await showRecorded();
  part('tokens').hidden = false;
  showTokens(part('comparison'), part('token-cards'), tokens);
  say('This is a recorded run: nothing is sent now, and its tokens have long run out.', 'done');
  part('flow-title').textContent = 'The six steps, as recorded';
  part('flow-title').focus();
}

function goOn() {
  if (!run.goOn()) steps.choose(Math.min(steps.chosen() + 1, record.LAST), { focus: true });
}

function goBack() {
  steps.choose(Math.max(steps.chosen() - 1, 1), { focus: true });
}

function restart() {
  return attempt(session.user() ? () => runReport({ stepByStep: false }) : () => begin(person), part(session.user() ? 'load-report' : 'sign-in'));
}

async function whatApiASees() {
  let seen;
  await api.me({ ended: (sent) => { seen = sent; } });
  const place = part('seen');
  place.hidden = false;
  place.replaceChildren(exchangeView(seen, { from: 'app', to: 'api-a' }));
  say('This is what API A knows of you: what token A says, and nothing more.');
}

function capital(name) {
  return name[0].toUpperCase() + name.slice(1);
}

/** The user of the address comes first; the others stay beside. */
function offerUsers() {
  const [first, ...others] = ['alice', 'bob', 'carol'].sort((one, other) => (other === person) - (one === person));
  for (const id of ['sign-in', 'step-by-step']) part(id).dataset.user = first;
  part('sign-in').textContent = `Run it as ${capital(first)}`;
  others.forEach((name, place) => {
    const made = part(['run-bob', 'run-carol'][place]);
    made.dataset.user = name;
    made.textContent = `as ${capital(name)}`;
  });
}

const on = (id, work) => part(id).addEventListener('click', (event) => {
  const made = event.currentTarget;
  attempt(() => work(made), made);
});

for (const id of ['sign-in', 'run-bob', 'run-carol']) on(id, (made) => begin(made.dataset.user));
on('step-by-step', (made) => begin(made.dataset.user, true));
on('load-report', () => runReport({ stepByStep: false }));
on('again-step-by-step', () => runReport({ stepByStep: true }));
on('other-user', async () => {
  session.forget();
  record.clear();
  show();
  say('Choose as whom to go on. The sign-in page asks for the password in any case.');
});
on('sign-out', session.signOut);
on('copy-script', async (made) => copy(wholeScript(await settings(), person), made));
on('what-a-sees', whatApiASees);
on('recorded', playRecorded);
on('run-chain', async () => {
  const { receipts, hops } = await chain.runLongerChain(part('chain-tree'));
  say(`The same report by way of API A2: ${receipts} receipts, ${hops} exchanges. The tree below has each hop with its actor.`, 'done');
});
on('revoke', revoke);
on('watch', () => end({ title: 'Watching: the clock starts when the auth server refuses' }));
part('next').addEventListener('click', goOn);
part('previous').addEventListener('click', goBack);

steps.prepare();
record.onChange(tell);
steps.onChoose((step) => presenting.remember({ step, user: person === 'alice' && !asked.user ? undefined : person }));
presenting.prepareTools({ largeType: part('large-type'), fullScreen: part('full-screen'), print: part('print') });
presenting.prepareKeys({ next: goOn, previous: goBack, jump: (step) => steps.choose(step, { focus: true }), restart }, () => part('keys').checked);
prepareThemeSwitch(part('theme'));
appParts.prepare({ runReport: runReportAnew });
onSignedOut(() => {
  show();
  return { label: `Sign in as ${capital(person)}`, go: () => begin(person) };
});
offerUsers();
for (const id of ['tools', 'walk', 'keys-help']) part(id).hidden = false;

if (session.isReturn()) {
  say('Signing you in.');
  narrate = narrator();
  await attempt(arrive);
  // Also where that did not work.
  show();
} else {
  show();
  say('Nothing has been sent yet.');
  if (asked.step) steps.choose(asked.step);
  await attempt(checkAddress);
}
