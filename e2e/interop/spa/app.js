import { createAuth0Client } from "/auth0-spa-js.js";
import { domain } from "/settings.js";

const element = (id) => document.getElementById(id);
const home = `${location.origin}/`;

const auth0 = await createAuth0Client({
  domain,
  clientId: "spa",
  useRefreshTokens: true,
  cacheLocation: "localstorage",
  authorizationParams: { redirect_uri: home, audience: "https://api-a.example", scope: "profile read:reports" },
});

const claims = (token) => JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
const act = (id, action) =>
  element(id).addEventListener("click", () => action().catch((error) => { element("error").textContent = error; }));

act("sign-in", () => auth0.loginWithRedirect());
act("sign-out", () => auth0.logout({ logoutParams: { returnTo: home } }));
act("renew", async () => {
  const before = await auth0.getTokenSilently();
  const after = await auth0.getTokenSilently({ cacheMode: "off" });
  const same = claims(before).sub === claims(after).sub && before !== after;
  element("renewed").textContent = same ? "another token for the same user" : "something else";
});

if (new URLSearchParams(location.search).has("code")) {
  // Checks state, nonce, and the ID token's issuer, audience and times.
  await auth0.handleRedirectCallback().catch((error) => { element("error").textContent = error; });
  history.replaceState(null, "", "/");
}
const user = await auth0.getUser();
element("user").textContent = user?.name ?? "";
element("signed-in").hidden = !user;
element("sign-in").hidden = Boolean(user);
