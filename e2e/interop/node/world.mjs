// The demo world as a script sees it, and how a script says that it is content.
import { createInterface } from "node:readline";

/** The issuer: https, with a slash at its end. */
export const issuer = process.env.DEPUTY_ISSUER;
/** Host and port, as Auth0's libraries call it. */
export const domain = new URL(issuer).host;
/** An access token for API A that Alice's app has got. */
export const userToken = process.env.DEPUTY_USER_TOKEN;

export const apiA = "https://api-a.example";
export const apiB = "https://api-b.example";
export const accessToken = "urn:ietf:params:oauth:token-type:access_token";
export const tokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange";

/** A web app, which people sign in to. */
export const webApp = {
  id: "demo-web",
  secret: "demo-web-secret-0123456789abcdefghijklmnopqrstuvwx",
  redirectUri: "http://localhost:9100/callback",
  scope: "openid profile offline_access read:reports",
};
/** API A's client identity, with which it exchanges. */
export const apiAClient = { id: "api-a", secret: "api-a-demo-secret-0123456789abcdefghijklmnopqrstuv" };

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Sends Alice to the link; where her browser comes back to. */
export async function visit(url) {
  console.log(`VISIT ${url}`);
  return new URL((await answers.next()).value);
}

/** The claims in a token, unchecked. */
export function claims(token) {
  return JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
}

/** Runs the promise that the command line names. */
export async function keep(promises) {
  try {
    await promises[process.argv[2]]();
    process.exit(0);
  } catch (error) {
    console.error(error, error?.cause);
    process.exit(1);
  }
}
