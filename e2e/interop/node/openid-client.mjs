import assert from "node:assert/strict";
import * as client from "openid-client";
import { accessToken, apiA, apiAClient, apiB, claims, issuer, keep, tokenExchange, userToken, visit, webApp } from "./world.mjs";

const configured = async ({ id, secret }, authentication) => {
  const config = await client.discovery(new URL(issuer), id, secret, authentication);
  // Checks the ID token's signature too, which the code flow over TLS does not demand.
  client.enableNonRepudiationChecks(config);
  return config;
};

async function signIn() {
  const config = await configured(webApp);
  const verifier = client.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [client.randomState(), client.randomNonce()];
  const link = client.buildAuthorizationUrl(config, {
    redirect_uri: webApp.redirectUri,
    scope: webApp.scope,
    audience: apiA,
    state: expectedState,
    nonce: expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  });
  const checks = { pkceCodeVerifier: verifier, expectedState, expectedNonce, idTokenExpected: true, maxAge: 300 };
  return [config, await client.authorizationCodeGrant(config, await visit(link), checks)];
}

const exchange = (config, audience, scope = "read:receipts") =>
  client.genericGrantRequest(config, tokenExchange, {
    subject_token: userToken,
    subject_token_type: accessToken,
    audience,
    scope,
  });

await keep({
  async sign_in() {
    const [config, tokens] = await signIn();
    const { sub } = tokens.claims();
    const user = await client.fetchUserInfo(config, tokens.access_token, sub);
    assert.equal(user.name, "Alice Example");
  },
  async refresh() {
    const [config, tokens] = await signIn();
    const renewed = await client.refreshTokenGrant(config, tokens.refresh_token);
    assert.equal(renewed.claims().sub, tokens.claims().sub);
    assert.notEqual(renewed.refresh_token, tokens.refresh_token);
  },
  async exchange() {
    for (const authentication of [client.ClientSecretBasic(), client.ClientSecretPost()]) {
      const tokens = await exchange(await configured(apiAClient, authentication), apiB);
      assert.equal(tokens.token_type, "bearer");
      assert.equal(tokens.issued_token_type, accessToken);
      assert.equal(tokens.scope, "read:receipts");
      assert.equal(claims(tokens.access_token).act.sub, "api-a");
      assert.equal(claims(tokens.access_token).sub, claims(userToken).sub);
    }
  },
  async refusal() {
    const config = await configured(apiAClient, client.ClientSecretBasic());
    const refused = (error, status) => (thrown) => thrown.error === error && thrown.status === status;
    await assert.rejects(exchange(config, "https://unknown.example"), refused("invalid_target", 400));
    await assert.rejects(exchange(config, apiB, "delete:receipts"), refused("invalid_scope", 400));
    const stranger = await configured({ id: "api-a", secret: "x".repeat(43) }, client.ClientSecretBasic());
    // A challenge comes with a 401 to the Authorization header, and only then.
    await assert.rejects(exchange(stranger, apiB), { code: "OAUTH_WWW_AUTHENTICATE_CHALLENGE", status: 401 });
    const posting = await configured({ id: "api-a", secret: "x".repeat(43) }, client.ClientSecretPost());
    await assert.rejects(exchange(posting, apiB), refused("invalid_client", 401));
  },
});
