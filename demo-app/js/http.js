// Sends a request and remembers both sides of it, so that the page can show what really went over the wire. The same shape as
// in API A's trace: { request: { method, url, headers, body }, response: { status, headers, body }, tookMs }.

/** The server did not answer at all. `sent` is what was tried. */
export class NoAnswer extends Error {
  constructor(sent) {
    super(`${new URL(sent.request.url).origin} does not answer`);
    this.sent = sent;
  }
}

/** `headers`: an object; `body`: text or form parameters. Never with cookies: a token says who calls, nothing else does. */
export async function send(address, { method = 'GET', headers = {}, body, begun } = {}) {
  const url = new URL(address, location.href).href;
  const form = body instanceof URLSearchParams;
  const named = form ? { 'Content-Type': 'application/x-www-form-urlencoded', ...headers } : headers;
  const request = { method, url, headers: Object.entries(named), body: body === undefined ? null : String(body) };
  begun?.(request);
  const start = performance.now();
  try {
    const answer = await fetch(url, { method, headers: named, body: request.body ?? undefined, credentials: 'omit', cache: 'no-store' });
    const text = await answer.text();
    const tookMs = performance.now() - start;
    return { request, response: { status: answer.status, headers: [...answer.headers], body: text }, tookMs };
  } catch {
    throw new NoAnswer({ request, response: null, tookMs: performance.now() - start });
  }
}

export function isGood({ status }) {
  return status >= 200 && status < 300;
}

/** The body as JSON, or an empty object. */
export function jsonOf(response) {
  try {
    return JSON.parse(response?.body ?? '') ?? {};
  } catch {
    return {};
  }
}

export function headerOf(response, name) {
  return response?.headers.find(([other]) => other.toLowerCase() === name)?.[1];
}

/** The parameters of the challenge (RFC 6750 section 3). */
export function challengeOf(response) {
  const header = headerOf(response, 'www-authenticate') ?? '';
  return Object.fromEntries([...header.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));
}
