#!/usr/bin/env bash
# The six steps on the command line: each one is what a client, or API A, really sends. Needs curl, jq, openssl, and the
# demo world running (docker compose up --build, or cargo run --release -p e2e -- demo).
#   demo/walkthrough.sh [alice|bob]
# Other addresses: AUTH=http://localhost:9000 APP=http://localhost:9001 API_B=http://localhost:9002
set -euo pipefail

AUTH=${AUTH:-http://localhost:9000} APP=${APP:-http://localhost:9001} API_B=${API_B:-http://localhost:9002}
NAME=${1:-alice} PASSWORD=${PASSWORD:-${1:-alice}-password}
CALLBACK=$APP/callback
CLIENT_SECRET=${CLIENT_SECRET:-api-a-demo-secret-0123456789abcdefghijklmnopqrstuv}
A2_SECRET=${A2_SECRET:-api-a2-demo-secret-0123456789abcdefghijklmnopqrstu}

# Cookies are those of a browser: one jar, thrown away at the end.
jar=$(mktemp) && trap 'rm -f "$jar"' EXIT
browser() { curl --silent --show-error --cookie "$jar" --cookie-jar "$jar" "$@"; }
api() { curl --silent --show-error --fail-with-body "$@"; }
step() { printf '\n\033[1m%s\033[0m\n' "$*"; }
stop() { printf 'walkthrough: %s\n' "$*" >&2; exit 1; }
redirect() { sed -n 's/^[Ll]ocation: *//p' | tr -d '\r'; }
field() { sed -nE "s/.*name=\"$1\" value=\"([^\"]*)\".*/\1/p" | head -n 1; }
parameter() { sed -nE "s/.*[?&]$1=([^&]*).*/\1/p"; }
base64url() { base64 | tr '+/' '-_' | tr -d '=\n'; }
claims() { jq -R 'split(".")[1] | gsub("-"; "+") | gsub("_"; "/") | @base64d | fromjson' <<<"$1"; }
for tool in curl jq openssl; do command -v "$tool" >/dev/null || stop "$tool is missing: install it"; done
curl --silent --output /dev/null "$AUTH/healthz" || stop "nothing answers at $AUTH: start the demo world first"

step "1  The app sends $NAME to the auth server, who signs in there"
verifier=$(openssl rand 32 | base64url)
challenge=$(printf %s "$verifier" | openssl dgst -sha256 -binary | base64url)
state=$(openssl rand -hex 16)
login=$(browser --get "$AUTH/authorize" --dump-header - --output /dev/null \
  --data-urlencode response_type=code --data-urlencode client_id=demo-app \
  --data-urlencode "redirect_uri=$CALLBACK" --data-urlencode audience=https://api-a.example \
  --data-urlencode 'scope=openid profile offline_access read:reports write:reports' \
  --data-urlencode "state=$state" --data-urlencode "nonce=$(openssl rand -hex 16)" \
  --data-urlencode "code_challenge=$challenge" --data-urlencode code_challenge_method=S256 | redirect)
case $login in /*) login=$AUTH$login ;; esac
page=$(browser "$login")
answer=$(browser "$AUTH/login" --dump-header - --output /dev/null \
  --data-urlencode "csrf=$(field csrf <<<"$page")" --data-urlencode "request=$(field request <<<"$page")" \
  --data-urlencode "username=$NAME" --data-urlencode "password=$PASSWORD" | redirect)
[ -n "$answer" ] || stop "the sign-in of $NAME was refused"
[ "$(parameter state <<<"$answer")" = "$state" ] || stop "the answer is not for this sign-in: $answer"
echo "back at $CALLBACK with a code"

step "2  The app redeems the code, and proves by PKCE that it is the one that asked"
tokens=$(api "$AUTH/oauth/token" --data-urlencode grant_type=authorization_code --data-urlencode client_id=demo-app \
  --data-urlencode "code=$(parameter code <<<"$answer")" --data-urlencode "redirect_uri=$CALLBACK" \
  --data-urlencode "code_verifier=$verifier")
token_a=$(jq -r .access_token <<<"$tokens")
jq -c 'map_values(if type == "string" and length > 40 then .[:12] + "..." else . end)' <<<"$tokens"

step "3  The app calls API A with access token A"
api "$APP/api/me" --header "Authorization: Bearer $token_a" | jq -c .

step "4  API A asks for a token for API B, on behalf of $NAME (RFC 8693)"
exchanged=$(api "$AUTH/oauth/token" --user "api-a:$CLIENT_SECRET" \
  --data-urlencode grant_type=urn:ietf:params:oauth:grant-type:token-exchange \
  --data-urlencode "subject_token=$token_a" \
  --data-urlencode subject_token_type=urn:ietf:params:oauth:token-type:access_token \
  --data-urlencode audience=https://api-b.example --data-urlencode scope=read:receipts)

step "5  Access token B: the same user, a new audience, API A as the actor"
token_b=$(jq -r .access_token <<<"$exchanged")
show='{iss, sub, aud, scope, client_id, act, txn, exp} | map_values(select(. != null))'
diff --side-by-side --width=140 --expand-tabs <(claims "$token_a" | jq "$show") <(claims "$token_b" | jq "$show") || true

step "6  API A calls API B with access token B"
api "$API_B/api/receipts" --header "Authorization: Bearer $token_b" | jq -c .
echo "... and all of 3 to 6 in one call, as the app makes it:"
api "$APP/api/report" --header "Authorization: Bearer $token_a" | jq -c .

step "A longer chain: API A calls API A2, which calls API B, and each is named"
exchange() {
  api "$AUTH/oauth/token" --user "$1" --data-urlencode grant_type=urn:ietf:params:oauth:grant-type:token-exchange \
    --data-urlencode "subject_token=$2" --data-urlencode subject_token_type=urn:ietf:params:oauth:token-type:access_token \
    --data-urlencode "audience=$3" --data-urlencode "scope=$4" | jq -r .access_token
}
token_a2=$(exchange "api-a:$CLIENT_SECRET" "$token_a" https://api-a2.example read:reports)
claims "$(exchange "api-a2:$A2_SECRET" "$token_a2" https://api-b.example read:receipts)" | jq -c '{sub, aud, act}'

step "What must not work, does not"
expect() {
  local status=$1 what=$2 got; shift 2
  got=$(curl --silent --output /dev/null --write-out '%{http_code}' "$@")
  [ "$got" = "$status" ] || stop "$what: expected $status, got $got"
  echo "$status  $what"
}
expect 401 "token A at API B" "$API_B/api/receipts" --header "Authorization: Bearer $token_a"
expect 400 "the same code twice" "$AUTH/oauth/token" --data-urlencode grant_type=authorization_code \
  --data-urlencode client_id=demo-app --data-urlencode "code=$(parameter code <<<"$answer")" \
  --data-urlencode "redirect_uri=$CALLBACK" --data-urlencode "code_verifier=$verifier"
expect 400 "an exchange after that: the replay ended the whole sign-in" "$AUTH/oauth/token" \
  --user "api-a:$CLIENT_SECRET" --data-urlencode grant_type=urn:ietf:params:oauth:grant-type:token-exchange \
  --data-urlencode "subject_token=$token_a" --data-urlencode audience=https://api-b.example \
  --data-urlencode subject_token_type=urn:ietf:params:oauth:token-type:access_token
