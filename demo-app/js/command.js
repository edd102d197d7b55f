// A request as a command that runs when pasted: curl for bash and zsh, and PowerShell 7. Variables come first, tokens in them; a
// client secret is never written out, but read from the demo's configuration where the command runs in the repository.

import { decode } from './jwt.js';
import { participant } from './participants.js';

/** What the program sends by itself, or what only this request's trace was for. */
const LEFT_OUT = new Set(['host', 'content-length', 'user-agent', 'accept', 'accept-encoding', 'connection', 'traceparent', 'tracestate', 'x-request-id']);

/** { curl, powershell }; `from`: who sends it, whose client id is its name. */
export function commandsOf(request, { from }) {
  const parts = partsOf(request, from);
  return { curl: curl(parts), powershell: powershell(parts) };
}

function partsOf({ method, url, headers, body }, from) {
  const variables = new Map();
  const named = (name, value) => {
    variables.set(name, value);
    return { variable: name };
  };
  const sent = headers.filter(([name]) => !LEFT_OUT.has(name.toLowerCase()));
  const valueOf = (name) => sent.find(([other]) => other.toLowerCase() === name)?.[1] ?? '';
  const isForm = valueOf('content-type').startsWith('application/x-www-form-urlencoded');
  const bearer = /^Bearer (.+)$/.exec(valueOf('authorization'))?.[1];
  return {
    method,
    address: url,
    bearer: bearer && named(variableOf('token', bearer), bearer),
    client: /^Basic /.test(valueOf('authorization')) ? clientOf(from) : undefined,
    headers: sent.filter(([name]) => !['authorization', isForm ? 'content-type' : ''].includes(name.toLowerCase())),
    form: isForm ? [...new URLSearchParams(body ?? '')].map(([name, value]) => [name, isSecret(name) ? named(variableOf(name, value), value) : value]) : undefined,
    body: isForm ? undefined : body ?? undefined,
    variables,
  };
}

function clientOf(from) {
  return from === 'app' ? 'demo-app' : from;
}

function isSecret(name) {
  return ['subject_token', 'actor_token', 'refresh_token', 'code', 'code_verifier', 'token', 'assertion'].includes(name);
}

/** A token is called after the API that it is for. */
function variableOf(name, value) {
  const audience = [decode(value)?.claims.aud].flat()[0];
  return audience ? `TOKEN_${participant(audience).letter.replace('?', 'X')}` : name.toUpperCase();
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function curl({ method, address, bearer, client, headers, form, body, variables }) {
  const lines = [...variables].map(([name, value]) => `${name}=${quoted(value)}`);
  if (client) lines.push(`CLIENT_SECRET=\${CLIENT_SECRET:-$(sed -n '/^\\[client]/,/^\\[[^c]/s/^secret = "\\(.*\\)"/\\1/p' demo/${client}.toml)}`);
  const options = [];
  if (method !== 'GET' && method !== 'POST') options.push(`--request ${method}`);
  if (client) options.push(`--user "${client}:$CLIENT_SECRET"`);
  if (bearer) options.push(`--header "Authorization: Bearer $${bearer.variable}"`);
  for (const [name, value] of headers) options.push(`--header ${quoted(`${name}: ${value}`)}`);
  for (const [name, value] of form ?? []) {
    options.push(`--data-urlencode ${value.variable ? `"${name}=$${value.variable}"` : quoted(`${name}=${value}`)}`);
  }
  if (body !== undefined) options.push(`--data-raw ${quoted(body)}`);
  lines.push([`curl --silent --show-error --fail-with-body ${quoted(address)}`, ...options].join(' \\\n  '));
  return `${lines.join('\n')}\n`;
}

const quotedForPowershell = (text) => `'${text.replaceAll("'", "''")}'`;

function powershell({ method, address, bearer, client, headers, form, body, variables }) {
  const lines = [...variables].map(([name, value]) => `$${name} = ${quotedForPowershell(value)}`);
  const all = headers.filter(([name]) => name.toLowerCase() !== 'content-type').map(([name, value]) => `${quotedForPowershell(name)} = ${quotedForPowershell(value)}`);
  if (bearer) all.push(`Authorization = "Bearer $${bearer.variable}"`);
  if (client) {
    lines.push(
      `if (-not $CLIENT_SECRET) { $CLIENT_SECRET = (Select-String -Path demo/${client}.toml -Pattern '^secret = "(.*)"').Matches[0].Groups[1].Value }`,
      `$basic = [Convert]::ToBase64String([Text.Encoding]::ASCII.GetBytes("${client}:$CLIENT_SECRET"))`,
    );
    all.push('Authorization = "Basic $basic"');
  }
  const options = [`-Method ${method[0]}${method.slice(1).toLowerCase()}`, `-Uri ${quotedForPowershell(address)}`, '-SkipHttpErrorCheck'];
  if (all.length > 0) options.push(`-Headers @{ ${all.join('; ')} }`);
  if (form) {
    const fields = form.map(([name, value]) => `  ${name} = ${value.variable ? `$${value.variable}` : quotedForPowershell(value)}`);
    lines.push('$form = @{', ...fields, '}');
    options.push('-Body $form');
  }
  if (body !== undefined) options.push("-ContentType 'application/json'", `-Body ${quotedForPowershell(body)}`);
  lines.push(`Invoke-RestMethod ${options.join(' `\n  ')}`);
  return `${lines.join('\n')}\n`;
}
