"""An API by Auth0's `auth0-api-python`: it checks its callers' tokens, and exchanges them."""

from auth0_api_python import ApiClient, ApiClientOptions
from auth0_api_python.errors import ApiError, VerifyAccessTokenError
from world import ACCESS_TOKEN, API_A, API_A_CLIENT, API_B, DOMAIN, ISSUER, USER_TOKEN, claims, keep, refused


def api(audience, **options):
    return ApiClient(ApiClientOptions(domain=DOMAIN, audience=audience, **options))


async def verify():
    verified = await api(API_A).verify_access_token(USER_TOKEN, required_claims=["client_id", "scope", "txn"])
    assert verified["iss"] == ISSUER, verified
    verified = await api(API_A).verify_request({"authorization": f"Bearer {USER_TOKEN}"})
    assert "read:reports" in verified["scope"].split(), verified


def refuses():
    header, payload, signature = USER_TOKEN.split(".")
    tampered = ".".join([header, payload, signature[::-1]])
    assert isinstance(refused(lambda: api(API_B).verify_access_token(USER_TOKEN)), VerifyAccessTokenError)
    assert isinstance(refused(lambda: api(API_A).verify_access_token(tampered)), VerifyAccessTokenError)


async def on_behalf_of():
    result = await api(API_A, **API_A_CLIENT).get_token_on_behalf_of(USER_TOKEN, API_B, "read:receipts")
    assert result["issued_token_type"] == ACCESS_TOKEN, result
    assert result["scope"] == "read:receipts", result
    verified = await api(API_B).verify_access_token(result["access_token"])
    assert verified["sub"] == claims(USER_TOKEN)["sub"], verified
    assert verified["act"]["sub"] == "api-a", verified
    assert verified["act"]["act"]["sub"] == "demo-app", verified


def refusal():
    asker = api(API_A, **API_A_CLIENT)
    error = refused(lambda: asker.get_token_on_behalf_of(USER_TOKEN, "https://unknown.example"))
    assert isinstance(error, ApiError), error
    assert (error.code, error.status_code) == ("invalid_target", 400), (error.code, error.status_code)


keep({"verify": verify, "refuses": refuses, "on_behalf_of": on_behalf_of, "refusal": refusal})
