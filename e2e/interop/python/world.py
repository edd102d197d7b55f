"""The demo world as a script sees it, and how a script says that it is content."""

import asyncio
import base64
import inspect
import json
import os
import sys

#: The issuer: https, with a slash at its end.
ISSUER = os.environ["DEPUTY_ISSUER"]
#: Host and port, as Auth0's libraries call it.
DOMAIN = ISSUER.removeprefix("https://").rstrip("/")
#: An access token for API A that Alice's app has got.
USER_TOKEN = os.environ["DEPUTY_USER_TOKEN"]

API_A = "https://api-a.example"
API_B = "https://api-b.example"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"

#: A web app, which people sign in to.
WEB_APP = {"client_id": "demo-web", "client_secret": "demo-web-secret-0123456789abcdefghijklmnopqrstuvwx"}
REDIRECT_URI = "http://localhost:9100/callback"
#: API A's client identity, with which it exchanges.
API_A_CLIENT = {"client_id": "api-a", "client_secret": "api-a-demo-secret-0123456789abcdefghijklmnopqrstuv"}


def visit(url):
    """Sends Alice to the link; where her browser comes back to."""
    print(f"VISIT {url}", flush=True)
    return sys.stdin.readline().strip()


def claims(token):
    """The claims in a token, unchecked."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def refused(call):
    """The exception that a call ends with."""
    try:
        result = call()
        if inspect.isawaitable(result):
            asyncio.run(result)
    except Exception as error:
        return error
    raise AssertionError("it was not refused")


def keep(promises):
    """Runs the promise that the command line names."""
    result = promises[sys.argv[1]]()
    if inspect.isawaitable(result):
        asyncio.run(result)
