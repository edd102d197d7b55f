"""API A by Microsoft's MSAL: its on-behalf-of flow is the grant type jwt-bearer."""

import msal
from world import API_A_CLIENT, API_B, ISSUER, USER_TOKEN, claims, keep

READ = f"{API_B}/read:receipts"


def application():
    # MSAL wants a path in the authority: `.` is one, and stands for none.
    return msal.ConfidentialClientApplication(
        API_A_CLIENT["client_id"], client_credential=API_A_CLIENT["client_secret"], oidc_authority=f"{ISSUER}."
    )


def on_behalf_of():
    for scopes in ([READ], [f"{API_B}/.default"]):
        result = application().acquire_token_on_behalf_of(USER_TOKEN, scopes)
        assert "access_token" in result, result
        token = claims(result["access_token"])
        assert (token["aud"], token["sub"]) == (API_B, claims(USER_TOKEN)["sub"]), token
        assert (token["act"]["sub"], token["act"]["act"]["sub"]) == ("api-a", "demo-app"), token
        assert "read:receipts" in token["scope"].split(), token
        assert result["token_source"] == "identity_provider" and result["expires_in"] > 0, result


def cache():
    app = application()
    first = app.acquire_token_on_behalf_of(USER_TOKEN, [READ])
    # MSAL's cache looks for the very names that were asked for, in the answer's `scope`.
    found = list(app.token_cache.search("AccessToken", target=[READ]))
    assert [entry["secret"] for entry in found] == [first["access_token"]], found
    assert not list(app.token_cache.search("AccessToken", target=[f"{API_B}/write:receipts"]))


def refusal():
    app = application()
    result = app.acquire_token_on_behalf_of(USER_TOKEN, [f"{API_B}/delete:receipts"])
    assert result["error"] == "invalid_scope", result
    header, payload, signature = USER_TOKEN.split(".")
    result = app.acquire_token_on_behalf_of(".".join([header, payload, signature[::-1]]), [READ])
    assert result["error"] == "invalid_grant" and result["error_description"], result
    # A refusal does not keep the application from asking for others.
    assert "access_token" in app.acquire_token_on_behalf_of(USER_TOKEN, [READ])


keep({"on_behalf_of": on_behalf_of, "cache": cache, "refusal": refusal})
