"""API B by Authlib's resource protector for RFC 9068."""

import requests
from authlib.oauth2 import ResourceProtector
from authlib.oauth2.rfc6749 import JsonRequest
from authlib.oauth2.rfc6750.errors import InsufficientScopeError, InvalidTokenError
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from world import ACCESS_TOKEN, API_A_CLIENT, API_B, ISSUER, TOKEN_EXCHANGE, USER_TOKEN, claims, keep, refused


class Validator(JWTBearerTokenValidator):
    def get_jwks(self):
        return requests.get(f"{ISSUER}.well-known/jwks.json", timeout=10).json()


PROTECTOR = ResourceProtector()
PROTECTOR.register_token_validator(Validator(issuer=ISSUER, resource_server=API_B))


def call(token, scope):
    request = JsonRequest("GET", f"{API_B}/api/receipts", {"Authorization": f"Bearer {token}"})
    return PROTECTOR.validate_request(scope, request)


def exchanged():
    form = {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token": USER_TOKEN,
        "subject_token_type": ACCESS_TOKEN,
        "audience": API_B,
        "scope": "read:receipts",
    }
    answer = requests.post(f"{ISSUER}oauth/token", data=form | API_A_CLIENT, timeout=10)
    return answer.json()["access_token"]


def takes():
    token = call(exchanged(), ["read:receipts"])
    assert token["sub"] == claims(USER_TOKEN)["sub"], token
    assert token["act"]["sub"] == "api-a", token


def refuses():
    assert isinstance(refused(lambda: call(USER_TOKEN, None)), InvalidTokenError), "a token for API A"
    assert isinstance(refused(lambda: call(exchanged(), ["write:receipts"])), InsufficientScopeError)


keep({"takes": takes, "refuses": refuses})
