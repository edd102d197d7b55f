// What the app is for, beside showing the flow: the report, the archive, and filing a receipt.

import * as api from './api.js';
import { attempt, say } from './message.js';
import * as receiptForm from './receipt-form.js';
import { amountText, showReport } from './report-view.js';

const part = (id) => document.getElementById(id);
const form = part('receipt-form');
/** The person has loaded a report: it must not go stale in view. */
let reportIsWanted = false;
let runReport;

/** `runReport()`: gets the report by steps 3 to 6, and shows them. */
export function prepare(actions) {
  ({ runReport } = actions);
  part('load-archive').addEventListener('click', (event) => attempt(loadArchive, event.currentTarget));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    attempt(fileReceipt, event.submitter);
  });
}

/** Shows what fits the person, or nobody; `archiveIsThere`: this deployment has an archive of earlier years. */
export function show(user, archiveIsThere) {
  part('receipt-section').hidden = !user;
  part('archive-section').hidden = !user || !archiveIsThere;
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

/** `get`: gives the report, and when the steps behind it have been shown. */
export async function loadReport(get) {
  reportIsWanted = true;
  let settled;
  const report = await shown(part('report'), async () => {
    const got = await get();
    ({ settled } = got);
    return got.report;
  }, 'There are no receipts yet. File your first one below.');
  return { whenShown: settled, counted: counted(report) };
}

export async function loadArchive({ focus = false } = {}) {
  const report = await shown(part('archive'), api.archive, 'There are no receipts of earlier years.');
  say(`The archive is open: ${counted(report)}.`, 'good');
  if (focus) part('archive-title').focus();
}

async function fileReceipt() {
  const receipt = receiptForm.read(form);
  if (!receipt) return;
  const filed = await api.fileReceipt(receipt);
  receiptForm.clear(form);
  form.merchant.focus();
  const filedText = `Filed: ${filed.merchant}, ${amountText(filed.amount_cents, filed.currency)}.`;
  const way = { label: 'Load report', go: runReport };
  say(filedText, 'good', reportIsWanted ? undefined : way);
  // It is filed, whatever becomes of the report: nobody shall file it twice.
  if (reportIsWanted) runReport().catch(() => say(filedText, 'good', way));
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

function counted({ receipts }) {
  return `${receipts} ${receipts === 1 ? 'receipt' : 'receipts'}`;
}
