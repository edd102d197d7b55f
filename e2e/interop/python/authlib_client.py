"""A web app, and API A's exchange, by Authlib's client."""

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet
from world import ACCESS_TOKEN, API_A, API_A_CLIENT, API_B, ISSUER, REDIRECT_URI, TOKEN_EXCHANGE, USER_TOKEN, WEB_APP
from world import claims, keep, refused, visit

METADATA = requests.get(f"{ISSUER}.well-known/openid-configuration", timeout=10).json()


def sign_in():
    scope = "openid profile offline_access read:reports"
    app = OAuth2Session(**WEB_APP, scope=scope, redirect_uri=REDIRECT_URI, code_challenge_method="S256")
    verifier, nonce = generate_token(48), generate_token(20)
    url, state = app.create_authorization_url(
        METADATA["authorization_endpoint"], code_verifier=verifier, nonce=nonce, audience=API_A
    )
    back = visit(url)
    token = app.fetch_token(
        METADATA["token_endpoint"], authorization_response=back, state=state, code_verifier=verifier
    )
    keys = KeySet.import_key_set(requests.get(METADATA["jwks_uri"], timeout=10).json())
    decoded = jwt.decode(token["id_token"], keys)
    expected = {"iss": {"essential": True, "value": ISSUER}, "aud": {"essential": True, "value": WEB_APP["client_id"]}}
    parameters = {"nonce": nonce, "client_id": WEB_APP["client_id"], "access_token": token["access_token"]}
    id_token = CodeIDToken(decoded.claims, decoded.header, expected, parameters)
    id_token.validate()
    userinfo = app.get(METADATA["userinfo_endpoint"]).json()
    assert userinfo["sub"] == id_token["sub"] and userinfo["name"] == "Alice Example", userinfo
    renewed = app.refresh_token(METADATA["token_endpoint"])
    assert claims(renewed["access_token"])["sub"] == id_token["sub"], renewed


def exchange(audience=API_B):
    for authentication in ["client_secret_basic", "client_secret_post"]:
        app = OAuth2Session(**API_A_CLIENT, token_endpoint_auth_method=authentication)
        token = app.fetch_token(
            METADATA["token_endpoint"],
            grant_type=TOKEN_EXCHANGE,
            subject_token=USER_TOKEN,
            subject_token_type=ACCESS_TOKEN,
            audience=audience,
        )
        assert claims(token["access_token"])["aud"] == audience, token
        assert token["token_type"] == "Bearer" and isinstance(token["expires_in"], int), token


def refusal():
    error = refused(lambda: exchange("https://unknown.example"))
    assert isinstance(error, OAuthError) and error.error == "invalid_target", error


keep({"sign_in": sign_in, "exchange": exchange, "refusal": refusal})
