// The form for a receipt: reads it, and says at each field what is missing.

/** An amount as people write it, with a point or a comma, in cents; undefined if it is none. */
export function cents(text) {
  const parts = /^(\d{1,7})(?:[.,](\d{1,2}))?$/.exec(text.trim());
  return parts ? Number(parts[1]) * 100 + Number((parts[2] ?? '').padEnd(2, '0')) : undefined;
}

/** Today where the person is, as the date field writes it. */
function today() {
  const now = new Date();
  return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
}

export function prepare(form) {
  form.purchased_on.max = today();
  form.purchased_on.value ||= today();
}

/** The receipt, or undefined after the first field that is wrong has the focus. */
export function read(form) {
  const amount = cents(form.amount.value);
  const merchant = form.merchant.value.trim();
  const day = form.purchased_on.value;
  const checks = [
    [form.merchant, merchant !== '', 'Who was paid?'],
    [form.amount, amount > 0 && amount <= 100_000_000, 'An amount such as 12.50.'],
    [form.purchased_on, day >= '2000-01-01' && day <= today(), 'A day up to today.'],
  ];
  const wrong = checks.filter(([field, good, text]) => {
    say(field, good ? '' : text);
    return !good;
  });
  if (wrong.length > 0) {
    wrong[0][0].focus();
    return undefined;
  }
  return { merchant, amount_cents: amount, currency: form.currency.value, purchased_on: day };
}

export function clear(form) {
  form.merchant.value = '';
  form.amount.value = '';
  for (const field of [form.merchant, form.amount, form.purchased_on]) say(field, '');
}

function say(field, text) {
  field.setAttribute('aria-invalid', String(text !== ''));
  document.getElementById(field.getAttribute('aria-describedby')).textContent = text;
}
