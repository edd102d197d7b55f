// Ties the page together: what is shown, which button does what, and what the person is told.

import * as api from './api.js';
import { Question, SignedOut } from './problem.js';
import * as receiptForm from './receipt-form.js';
import { amountText, showReport } from './report-view.js';
import * as session from './session.js';
import { settings } from './settings.js';

const part = (id) => document.getElementById(id);
const form = part('receipt-form');
/** The person has loaded a report: it must not go stale in view. */
let reportIsWanted = false;
/** This deployment has an archive of earlier years. */
let archiveIsThere = false;

/** Says something to everybody. `kind`: '', 'good', 'question' or 'problem'; `way`: a button that leads on. */
function say(text, kind = '', way) {
  const place = part('message');
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

/** Does it, and tells the person in plain words if it does not work. */
async function attempt(work, trigger) {
  if (trigger?.ariaDisabled === 'true') return;
  if (trigger) trigger.ariaDisabled = 'true';
  try {
    await work();
  } catch (error) {
    if (error instanceof SignedOut) show();
    const known = error.constructor !== Error && 'way' in error;
    if (!known) console.error(error);
    const kind = error instanceof Question ? 'question' : 'problem';
    say(known ? error.message : 'Something went wrong on this page. Reload it and try again.', kind, error.way);
    part('message').focus();
  } finally {
    if (trigger) trigger.ariaDisabled = 'false';
  }
}

/** Shows what fits: the way in, or the app. */
function show() {
  const user = session.user();
  for (const id of ['account', 'report-section', 'receipt-section', 'sign-out']) part(id).hidden = !user;
  part('archive-section').hidden = !user || !archiveIsThere;
  part('welcome').hidden = Boolean(user);
  part('user-name').textContent = user ? user.name ?? user.preferred_username ?? user.sub : '';
  if (user) {
    receiptForm.prepare(form);
  } else {
    // Nothing of the person who was signed in stays on the page.
    part('report').replaceChildren();
    part('archive').replaceChildren();
    reportIsWanted = false;
    receiptForm.clear(form);
  }
}

async function loadReport() {
  const report = await freshReport();
  say(`The report is here: ${counted(report)}.`, 'good');
}

async function loadArchive() {
  const report = await shown(part('archive'), api.archive, 'There are no receipts of earlier years.');
  say(`The archive is open: ${counted(report)}.`, 'good');
}

function counted({ receipts }) {
  return `${receipts} ${receipts === 1 ? 'receipt' : 'receipts'}`;
}

async function freshReport() {
  reportIsWanted = true;
  return shown(part('report'), api.report, 'There are no receipts yet. File your first one below.');
}

/** Gets a report and shows it at a place of the page. */
async function shown(place, get, nothing) {
  place.ariaBusy = 'true';
  try {
    const report = await get();
    showReport(place, report, nothing);
    return report;
  } finally {
    place.ariaBusy = 'false';
  }
}

/** Back from the auth server: signed in, and on with what the person had wanted. */
async function arrive() {
  const wish = await session.completeSignIn();
  archiveIsThere = (await settings()).archive;
  show();
  say(`You are signed in as ${part('user-name').textContent}.`);
  part('account-title').focus();
  if (wish === 'archive') {
    await loadArchive();
    part('archive-title').focus();
  }
}

async function fileReceipt() {
  const receipt = receiptForm.read(form);
  if (!receipt) return;
  const filed = await api.fileReceipt(receipt);
  receiptForm.clear(form);
  form.merchant.focus();
  // It is filed, whatever becomes of the report: nobody shall file it twice.
  const reportIsFresh = reportIsWanted && await freshReport().then(() => true, () => false);
  const way = reportIsFresh ? undefined : { label: 'Load report', go: loadReport };
  say(`Filed: ${filed.merchant}, ${amountText(filed.amount_cents, filed.currency)}.`, 'good', way);
}

/** Signing in works at one address only; a name and a number for this machine are two. */
async function checkAddress() {
  const { redirect_uri, issuer } = await settings();
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

part('sign-in').addEventListener('click', (event) => attempt(session.signIn, event.currentTarget));
part('sign-out').addEventListener('click', (event) => attempt(session.signOut, event.currentTarget));
part('load-report').addEventListener('click', (event) => attempt(loadReport, event.currentTarget));
part('load-archive').addEventListener('click', (event) => attempt(loadArchive, event.currentTarget));
form.addEventListener('submit', (event) => {
  event.preventDefault();
  attempt(fileReceipt, event.submitter);
});

if (session.isReturn()) {
  say('Signing you in.');
  await attempt(arrive);
  // Also where that did not work.
  show();
} else {
  show();
  await attempt(checkAddress);
}
