import assert from "node:assert/strict";
import { ConfidentialClientApplication, ProtocolMode } from "@azure/msal-node";
import { apiAClient, apiB, claims, domain, issuer, keep, userToken } from "./world.mjs";

const read = `${apiB}/read:receipts`;

const application = () =>
  new ConfidentialClientApplication({
    auth: {
      clientId: apiAClient.id,
      clientSecret: apiAClient.secret,
      authority: issuer,
      knownAuthorities: [domain],
    },
    system: { protocolMode: ProtocolMode.OIDC },
  });

const tampered = () => {
  const [header, payload, signature] = userToken.split(".");
  return [header, payload, [...signature].reverse().join("")].join(".");
};

await keep({
  async on_behalf_of() {
    for (const scope of [read, `${apiB}/.default`]) {
      const result = await application().acquireTokenOnBehalfOf({ oboAssertion: userToken, scopes: [scope] });
      const { aud, sub, act } = claims(result.accessToken);
      assert.deepEqual([aud, sub, act.sub, act.act.sub], [apiB, claims(userToken).sub, "api-a", "demo-app"]);
      assert.equal(result.tokenType, "Bearer");
      assert.ok(result.expiresOn > new Date());
    }
  },
  async cache() {
    const app = application();
    const ask = (options) => app.acquireTokenOnBehalfOf({ oboAssertion: userToken, scopes: [read], ...options });
    const first = await ask();
    const second = await ask();
    assert.deepEqual([first.fromCache, second.fromCache], [false, true]);
    assert.equal(second.accessToken, first.accessToken);
    const third = await ask({ skipCache: true });
    assert.equal(third.fromCache, false);
    assert.notEqual(third.accessToken, first.accessToken);
    // Another target is another entry.
    assert.equal((await ask({ scopes: [`${apiB}/write:receipts`] })).fromCache, false);
  },
  async refusal() {
    const app = application();
    const ask = (oboAssertion, scope) => app.acquireTokenOnBehalfOf({ oboAssertion, scopes: [scope] });
    await assert.rejects(ask(userToken, `${apiB}/delete:receipts`), { errorCode: "invalid_scope" });
    await assert.rejects(ask(tampered(), read), { errorCode: "invalid_grant" });
    // MSAL throttles after some answers: a refusal must not keep others from being served.
    assert.ok((await ask(userToken, read)).accessToken);
  },
});
