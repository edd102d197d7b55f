import assert from "node:assert/strict";
import * as oauth from "oauth4webapi";
import { accessToken, apiA, apiAClient, apiB, issuer, keep, tokenExchange, userToken, visit, webApp } from "./world.mjs";

const discovered = async () => {
  const url = new URL(issuer);
  return oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url));
};

await keep({
  async sign_in() {
    const server = await discovered();
    const client = { client_id: webApp.id };
    const authentication = oauth.ClientSecretBasic(webApp.secret);
    const verifier = oauth.generateRandomCodeVerifier();
    const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
    const link = new URL(server.authorization_endpoint);
    link.search = new URLSearchParams({
      response_type: "code",
      client_id: webApp.id,
      redirect_uri: webApp.redirectUri,
      scope: webApp.scope,
      audience: apiA,
      state,
      nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
    });
    const answer = oauth.validateAuthResponse(server, client, await visit(link), state);
    const response = await oauth.authorizationCodeGrantRequest(
      server, client, authentication, answer, webApp.redirectUri, verifier,
    );
    const checks = { expectedNonce: nonce, requireIdToken: true };
    const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, checks);
    await oauth.validateApplicationLevelSignature(server, response);
    const { sub } = oauth.getValidatedIdTokenClaims(tokens);

    const userinfo = await oauth.userInfoRequest(server, client, tokens.access_token);
    assert.equal((await oauth.processUserInfoResponse(server, client, sub, userinfo)).sub, sub);

    const refreshed = await oauth.refreshTokenGrantRequest(server, client, authentication, tokens.refresh_token);
    assert.equal((await oauth.processRefreshTokenResponse(server, client, refreshed)).scope, tokens.scope);
  },
  async exchange() {
    const server = await discovered();
    const client = { client_id: apiAClient.id };
    const asked = new URLSearchParams({
      subject_token: userToken,
      subject_token_type: accessToken,
      audience: apiB,
    });
    const authentication = oauth.ClientSecretPost(apiAClient.secret);
    const response = await oauth.genericTokenEndpointRequest(server, client, authentication, tokenExchange, asked);
    const tokens = await oauth.processGenericTokenEndpointResponse(server, client, response);

    // As API B would: typ, signature, issuer, audience and times.
    const call = (token) => new Request(apiB, { headers: { authorization: `Bearer ${token}` } });
    const checked = await oauth.validateJwtAccessToken(server, call(tokens.access_token), apiB);
    assert.equal(checked.client_id, "api-a");
    assert.equal(checked.act.act.sub, "demo-app");
    await assert.rejects(oauth.validateJwtAccessToken(server, call(userToken), apiB), "a token for API A");
  },
  async bound() {
    const server = await discovered();
    const client = { client_id: apiAClient.id };
    const DPoP = oauth.DPoP(client, await oauth.generateKeyPair("ES256"));
    const asked = new URLSearchParams({ subject_token: userToken, subject_token_type: accessToken, audience: apiB });
    const authentication = oauth.ClientSecretPost(apiAClient.secret);
    const ask = () =>
      oauth.genericTokenEndpointRequest(server, client, authentication, tokenExchange, asked, { DPoP });
    const tokens = await oauth.processGenericTokenEndpointResponse(server, client, await ask());
    assert.equal(tokens.token_type, "dpop");

    // As API B would: the proof is for this token, this method and this address, by the key of `cnf`.
    const address = new URL(`${apiB}/api/receipts`);
    const send = async (url, options) => {
      const call = new Request(url, { method: options.method, headers: options.headers });
      const checked = await oauth.validateJwtAccessToken(server, call, apiB, { requireDPoP: true });
      return Response.json({ jkt: checked.cnf.jkt });
    };
    const answer = await oauth.protectedResourceRequest(tokens.access_token, "GET", address, undefined, undefined, {
      DPoP,
      [oauth.customFetch]: send,
    });
    assert.equal((await answer.json()).jkt, await DPoP.calculateThumbprint());
    const another = oauth.DPoP(client, await oauth.generateKeyPair("EdDSA"));
    await assert.rejects(
      oauth.protectedResourceRequest(tokens.access_token, "GET", address, undefined, undefined, {
        DPoP: another,
        [oauth.customFetch]: send,
      }),
      "a thief's proof",
    );
  },
});
