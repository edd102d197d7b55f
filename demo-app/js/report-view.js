// Shows a report: totals, and a table by month and one by merchant. Only text is put in, never HTML.

import { element } from './element.js';

const money = (currency) => new Intl.NumberFormat(undefined, { style: 'currency', currency });

/** The amount as the person's language writes it; a code that is no currency is shown as it is. */
export function amountText(cents, currency) {
  try {
    return money(currency).format(cents / 100);
  } catch {
    return `${(cents / 100).toFixed(2)} ${currency}`;
  }
}

/** `nothing`: what is said where there are no receipts. */
export function showReport(place, report, nothing) {
  if (report.receipts === 0) {
    place.replaceChildren(element('p', { class: 'muted' }, nothing));
    return;
  }
  const tables = element('div', { class: 'tables' });
  tables.append(
    table('By month', 'Month', report.by_month, (row) => monthText(row.month)),
    table('By merchant', 'Merchant', report.by_merchant, (row) => row.merchant),
  );
  place.replaceChildren(totals(report), tables);
}

function totals(report) {
  const list = element('dl', { class: 'totals' });
  for (const { currency, amount_cents } of report.totals) list.append(fact(`Total in ${currency}`, amountText(amount_cents, currency)));
  list.append(fact(report.receipts === 1 ? 'Receipt' : 'Receipts', String(report.receipts)));
  return list;
}

function fact(name, value) {
  return element('div', {}, element('dt', {}, name), element('dd', {}, value));
}

function table(title, column, rows, name) {
  const made = document.createElement('table');
  const head = document.createElement('thead');
  const headings = head.insertRow();
  headings.append(heading(column, 'col'), heading('Amount', 'col'));
  head.className = 'visually-hidden';
  const body = document.createElement('tbody');
  const most = Math.max(...rows.map((row) => row.amount_cents));
  for (const row of rows) {
    const line = body.insertRow();
    const first = heading(name(row), 'row');
    // A picture of the amount beside it: of no use to a screen reader.
    const bar = document.createElement('meter');
    Object.assign(bar, { min: 0, max: most, value: row.amount_cents, ariaHidden: 'true' });
    first.append(bar);
    line.append(first, element('td', {}, amountText(row.amount_cents, row.currency)));
  }
  made.append(element('caption', {}, title), head, body);
  return made;
}

function heading(text, scope) {
  return element('th', { scope }, text);
}

function monthText(month) {
  const [year, number] = month.split('-').map(Number);
  return new Intl.DateTimeFormat(undefined, { month: 'long', year: 'numeric' }).format(new Date(year, number - 1, 1));
}
