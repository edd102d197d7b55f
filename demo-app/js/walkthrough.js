// The six steps as a shell script, for this very deployment and user: what `demo/walkthrough.sh` does, to be pasted or kept. Each
// part needs those before it. The client secret is read from the demo's configuration, or from $CLIENT_SECRET.

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** What the parts need to know: addresses, the app's registration, the user's name. */
function variables({ issuer, server, client_id, redirect_uri, scope, audience, demo }, user) {
  const api_a = new URL(redirect_uri).origin;
  return [
    `AUTH=${quoted(new URL(issuer).origin)} API_A=${quoted(api_a)}${demo ? ` API_B=${quoted(demo.api_b.url.replace(/\/$/, ''))}` : ''}`,
    `AUTHORIZE=${quoted(server.authorization_endpoint)} TOKEN=${quoted(server.token_endpoint)}`,
    `CLIENT=${quoted(client_id)} CALLBACK=${quoted(redirect_uri)} AUDIENCE=${quoted(audience)}`,
    `SCOPE=${quoted(scope)}`,
    `USER_NAME=${quoted(user)} PASSWORD=\${PASSWORD:-${user}-password}`,
  ].join('\n');
}

const SIGN_IN = String.raw`
base64url() { base64 | tr '+/' '-_' | tr -d '=\n'; }
field() { sed -nE "s/.*name=\"$1\" value=\"([^\"]*)\".*/\1/p" | head -n 1; }
redirect() { sed -n 's/^[Ll]ocation: *//p' | tr -d '\r'; }
parameter() { sed -nE "s/.*[?&]$1=([^&]*).*/\1/p"; }
jar=$(mktemp)
browser() { curl --silent --show-error --cookie "$jar" --cookie-jar "$jar" "$@"; }

echo "1  The app sends $USER_NAME to the auth server, who signs in there"
verifier=$(openssl rand 32 | base64url)
challenge=$(printf %s "$verifier" | openssl dgst -sha256 -binary | base64url)
login=$(browser --get "$AUTHORIZE" --dump-header - --output /dev/null \
  --data-urlencode response_type=code --data-urlencode "client_id=$CLIENT" \
  --data-urlencode "redirect_uri=$CALLBACK" --data-urlencode "audience=$AUDIENCE" \
  --data-urlencode "scope=$SCOPE" --data-urlencode "state=$(openssl rand -hex 16)" \
  --data-urlencode "nonce=$(openssl rand -hex 16)" \
  --data-urlencode "code_challenge=$challenge" --data-urlencode code_challenge_method=S256 | redirect)
case $login in /*) login=$AUTH$login ;; esac
page=$(browser "$login")
answer=$(browser "$AUTH/login" --dump-header - --output /dev/null \
  --data-urlencode "csrf=$(printf %s "$page" | field csrf)" \
  --data-urlencode "request=$(printf %s "$page" | field request)" \
  --data-urlencode "username=$USER_NAME" --data-urlencode "password=$PASSWORD" | redirect)
rm -f "$jar"
echo "came back to $answer"
`;

const REDEEM = String.raw`
echo "2  The app redeems the code, and proves by PKCE that it is the one that asked"
tokens=$(curl --silent --show-error --fail-with-body "$TOKEN" \
  --data-urlencode grant_type=authorization_code --data-urlencode "client_id=$CLIENT" \
  --data-urlencode "code=$(printf %s "$answer" | parameter code)" \
  --data-urlencode "redirect_uri=$CALLBACK" --data-urlencode "code_verifier=$verifier")
token() { sed -nE 's/.*"access_token": ?"([^"]*)".*/\1/p'; }
TOKEN_A=$(printf %s "$tokens" | token)
echo "token A: $(printf %s "$TOKEN_A" | cut -c 1-12)..."
`;

const REST = String.raw`
claims() { jq -R 'split(".")[1] | gsub("-"; "+") | gsub("_"; "/") | @base64d | fromjson' <<<"$1"; }
secret() { echo "$(printf %s "$1" | cut -c 1-12)..."; }

echo "3  The app calls API A with token A"
curl --silent --show-error --fail-with-body "$API_A/api/me" --header "Authorization: Bearer $TOKEN_A"; echo

echo "4  API A asks for a token for API B, on behalf of $USER_NAME (RFC 8693)"
CLIENT_SECRET=${"${CLIENT_SECRET:-$(sed -n '/^\\[client]/,/^\\[[^c]/s/^secret = \"\\(.*\\)\"/\\1/p' demo/api-a.toml)}"}
exchanged=$(curl --silent --show-error --fail-with-body "$TOKEN" --user "api-a:$CLIENT_SECRET" \
  --data-urlencode grant_type=urn:ietf:params:oauth:grant-type:token-exchange \
  --data-urlencode "subject_token=$TOKEN_A" \
  --data-urlencode subject_token_type=urn:ietf:params:oauth:token-type:access_token \
  --data-urlencode "audience=$TARGET" --data-urlencode scope=read:receipts)

echo "5  Token B: the same user, a new audience, API A as the actor"
TOKEN_B=$(printf %s "$exchanged" | token)
show='{sub, aud, scope, client_id, act, txn, exp}'
diff --side-by-side --width=140 <(claims "$TOKEN_A" | jq "$show") <(claims "$TOKEN_B" | jq "$show") || true

echo "6  API A calls API B with token B"
curl --silent --show-error --fail-with-body "$API_B/api/receipts" --header "Authorization: Bearer $TOKEN_B"; echo

echo "What must not work, does not"
expect() {
  wanted=$1 what=$2; shift 2
  got=$(curl --silent --output /dev/null --write-out '%{http_code}' "$@")
  echo "$got  $what"
  [ "$got" = "$wanted" ] || { echo "expected $wanted" >&2; exit 1; }
}
expect 401 "token A at API B" "$API_B/api/receipts" --header "Authorization: Bearer $TOKEN_A"
expect 400 "the same code twice" "$TOKEN" --data-urlencode grant_type=authorization_code \
  --data-urlencode "client_id=$CLIENT" --data-urlencode "code=$(printf %s "$answer" | parameter code)" \
  --data-urlencode "redirect_uri=$CALLBACK" --data-urlencode "code_verifier=$verifier"
`;

/** Steps 1 to `last` (1 or 2), in a subshell: a failure does not end the shell that it is pasted into. */
export function signInScript(settings, user, last) {
  return `(set -eu\n${variables(settings, user)}\n${SIGN_IN}${last > 1 ? REDEEM : ''})\n`;
}

/** All six, and two requests that must fail. */
export function wholeScript(settings, user) {
  return [
    '#!/usr/bin/env bash',
    '# The six steps of a call on behalf of a user, as in demo/walkthrough.sh. Needs curl, jq and openssl; run it in the repository,',
    '# or set CLIENT_SECRET to the secret of the client api-a.',
    'set -euo pipefail',
    variables(settings, user),
    `TARGET=${quoted(settings.demo?.api_b.identifier ?? 'https://api-b.example')}`,
    `${SIGN_IN}${REDEEM}${REST}`,
  ].join('\n');
}

/** The sign-in in PowerShell 7: the same requests. */
export function signInPowershell({ issuer, server, client_id, redirect_uri, scope, audience }, user, last) {
  const text = (value) => `'${value.replaceAll("'", "''")}'`;
  const lines = [
    'function Base64Url($bytes) { [Convert]::ToBase64String($bytes).Replace("+", "-").Replace("/", "_").TrimEnd("=") }',
    '$verifier = Base64Url ([Security.Cryptography.RandomNumberGenerator]::GetBytes(32))',
    '$challenge = Base64Url ([Security.Cryptography.SHA256]::HashData([Text.Encoding]::ASCII.GetBytes($verifier)))',
    '$ask = @{',
    `  response_type = 'code'; client_id = ${text(client_id)}; redirect_uri = ${text(redirect_uri)}`,
    `  audience = ${text(audience)}; scope = ${text(scope)}; state = [guid]::NewGuid(); nonce = [guid]::NewGuid()`,
    "  code_challenge = $challenge; code_challenge_method = 'S256'",
    '}',
    '$query = ($ask.GetEnumerator() | ForEach-Object { "$($_.Key)=$([uri]::EscapeDataString($_.Value))" }) -join "&"',
    `$page = Invoke-WebRequest "${server.authorization_endpoint}?$query" -SessionVariable browser`,
    '$field = { param($name) [regex]::Match($page.Content, "name=`"$name`" value=`"([^`"]*)`"").Groups[1].Value }',
    `$answer = Invoke-WebRequest ${text(`${new URL(issuer).origin}/login`)} -Method Post -WebSession $browser -MaximumRedirection 0 -SkipHttpErrorCheck -ErrorAction SilentlyContinue -Body @{`,
    `  csrf = & $field csrf; request = & $field request; username = ${text(user)}; password = ${text(`${user}-password`)}`,
    '}',
    '$came = [string]$answer.Headers.Location',
    '$came',
  ];
  if (last > 1) {
    lines.push(
      "$code = [regex]::Match($came, '[?&]code=([^&]*)').Groups[1].Value",
      `Invoke-RestMethod ${text(server.token_endpoint)} -Method Post -Body @{`,
      `  grant_type = 'authorization_code'; client_id = ${text(client_id)}; code = $code; redirect_uri = ${text(redirect_uri)}; code_verifier = $verifier`,
      '}',
    );
  }
  return `${lines.join('\n')}\n`;
}
