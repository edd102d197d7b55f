import assert from "node:assert/strict";
import { AuthClient } from "@auth0/auth0-auth-js";
import { accessToken, apiA, apiAClient, apiB, claims, domain, issuer, keep, userToken, visit, webApp } from "./world.mjs";

const client = ({ id, secret }) => new AuthClient({ domain, clientId: id, clientSecret: secret });

const exchange = (audience, scope) =>
  client(apiAClient).exchangeToken({ subjectToken: userToken, subjectTokenType: accessToken, audience, scope });

await keep({
  async sign_in() {
    const auth0 = client(webApp);
    const authorizationParams = { redirect_uri: webApp.redirectUri, audience: apiA, scope: webApp.scope };
    const { authorizationUrl, codeVerifier } = await auth0.buildAuthorizationUrl({ authorizationParams });
    const tokens = await auth0.getTokenByCode(await visit(authorizationUrl), { codeVerifier });
    assert.equal(claims(tokens.accessToken).iss, issuer);
    assert.deepEqual([tokens.claims.iss, tokens.claims.aud], [issuer, webApp.id]);
    const renewed = await auth0.getTokenByRefreshToken({ refreshToken: tokens.refreshToken });
    assert.equal(claims(renewed.accessToken).sub, tokens.claims.sub);
  },
  async exchange() {
    const tokens = await exchange(apiB, "read:receipts write:receipts");
    assert.equal(tokens.issuedTokenType, accessToken);
    assert.equal(tokens.scope, "read:receipts write:receipts");
    const { aud, act } = claims(tokens.accessToken);
    assert.deepEqual([aud, act.sub, act.act.sub], [apiB, "api-a", "demo-app"]);
  },
  async refusal() {
    await assert.rejects(exchange("https://unknown.example"), (thrown) => {
      assert.equal(thrown.cause.error, "invalid_target");
      assert.match(thrown.cause.error_description, /^[a-z_]+: /);
      return true;
    });
  },
  async logout() {
    const url = await client(webApp).buildLogoutUrl({ returnTo: "http://localhost:9100/" });
    const answer = await fetch(url, { redirect: "manual" });
    assert.equal(answer.headers.get("location"), "http://localhost:9100/");
    const elsewhere = await client(webApp).buildLogoutUrl({ returnTo: "https://evil.example/" });
    assert.equal((await fetch(elsewhere, { redirect: "manual" })).status, 400);
  },
});
