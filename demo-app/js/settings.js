// Where to sign in: this app's own settings, and the auth server's metadata (OpenID Connect Discovery 1.0).

import { Problem } from './problem.js';

let known;
/** What the last load gave, for whoever cannot wait. */
let loaded;

/**
 * The settings, read once; a failure is not kept, so that trying again can help. `anew`: read again, before the page is left
 * for the auth server, since a browser's own page for a server that is away has no way back.
 */
export async function settings({ anew = false } = {}) {
  if (anew) known = undefined;
  known ??= load().catch((error) => {
    known = undefined;
    throw error;
  });
  return known;
}

/** The settings if they have been read, at once. */
export function knownSettings() {
  return loaded;
}

async function load() {
  const app = await json('/demo/config.json', 'This app cannot read its own settings. Reload the page in a moment.');
  const base = app.issuer.replace(/\/$/, '');
  const unreachable = `The auth server at ${app.issuer} does not answer. Is it running? Try again in a moment.`;
  const server = await json(`${base}/.well-known/openid-configuration`, unreachable);
  // Character by character (OpenID Connect Discovery 1.0 section 4.3): or another server could pass for this one.
  if (server.issuer !== app.issuer) {
    throw new Problem(`The auth server calls itself ${server.issuer}, and this app expects ${app.issuer}. Its settings must agree.`);
  }
  loaded = { ...app, server };
  return loaded;
}

async function json(address, trouble) {
  let response;
  try {
    response = await fetch(address, { cache: 'no-cache', credentials: 'omit' });
  } catch {
    throw new Problem(trouble);
  }
  if (!response.ok) throw new Problem(trouble);
  return response.json();
}
