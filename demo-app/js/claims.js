// What each claim means, in one line, and where it comes from. The one table of the page; docs may use it too.

export const CLAIMS = {
  iss: ['Who issued the token.', 'RFC 7519 section 4.1.1'],
  sub: ['Whom the token is about: the user, by an id that never changes.', 'RFC 7519 section 4.1.2'],
  aud: ['For whom the token is. Anybody else has to refuse it.', 'RFC 7519 section 4.1.3'],
  exp: ['When it runs out.', 'RFC 7519 section 4.1.4'],
  nbf: ['From when on it counts.', 'RFC 7519 section 4.1.5'],
  iat: ['When it was issued.', 'RFC 7519 section 4.1.6'],
  jti: ['The name of this one token. The ledger has it.', 'RFC 7519 section 4.1.7'],
  client_id: ['The client that asked for the token.', 'RFC 9068 section 2.2, RFC 8693 section 4.3'],
  azp: ['The same client, for libraries that look for it here.', 'OpenID Connect Core section 2'],
  scope: ['What the token allows.', 'RFC 9068 section 2.2.3, RFC 8693 section 4.2'],
  act: ['Who acts for the user: outermost now, inside it who acted before.', 'RFC 8693 section 4.1'],
  may_act: ['Who may become the actor.', 'RFC 8693 section 4.4'],
  txn: ['The chain: the same in every token that came from this sign-in.', 'RFC 8417 section 2.2'],
  sid: ['The session in which the user signed in.', 'OpenID Connect Front-Channel Logout section 3'],
  auth_time: ['When the user signed in.', 'OpenID Connect Core section 2, RFC 9068 section 2.2.1'],
  acr: ['How strong that sign-in was.', 'OpenID Connect Core section 2, RFC 9470'],
  amr: ['By what means: pwd is a password.', 'RFC 8176, OpenID Connect Core section 2'],
  status: ['Where its revocation bit stands. The bit belongs to the whole chain.', 'Token Status List section 6'],
  cnf: ['The key that whoever uses the token has to hold.', 'RFC 7800 section 3.1, RFC 9449 section 6'],
  nonce: ['The app’s own number for this sign-in: the answer is for this question.', 'OpenID Connect Core section 2'],
  at_hash: ['Ties the ID token to the access token beside it.', 'OpenID Connect Core section 3.1.3.6'],
  c_hash: ['Ties the ID token to the code beside it.', 'OpenID Connect Core section 3.3.2.11'],
  name: ['The user’s full name.', 'OpenID Connect Core section 5.1'],
  given_name: ['Their first name.', 'OpenID Connect Core section 5.1'],
  family_name: ['Their last name.', 'OpenID Connect Core section 5.1'],
  middle_name: ['Their middle name.', 'OpenID Connect Core section 5.1'],
  nickname: ['What they are called.', 'OpenID Connect Core section 5.1'],
  preferred_username: ['The name that they sign in with. Not for telling people apart: sub is.', 'OpenID Connect Core section 5.1'],
  profile: ['A page about them.', 'OpenID Connect Core section 5.1'],
  picture: ['A picture of them.', 'OpenID Connect Core section 5.1'],
  website: ['Their own site.', 'OpenID Connect Core section 5.1'],
  email: ['Their e-mail address.', 'OpenID Connect Core section 5.1'],
  email_verified: ['Whether the address was checked.', 'OpenID Connect Core section 5.1'],
  gender: ['What they say of their gender.', 'OpenID Connect Core section 5.1'],
  birthdate: ['Their birthday.', 'OpenID Connect Core section 5.1'],
  zoneinfo: ['Their time zone.', 'OpenID Connect Core section 5.1'],
  locale: ['Their language.', 'OpenID Connect Core section 5.1'],
  updated_at: ['When the profile last changed.', 'OpenID Connect Core section 5.1'],
  // Members of the header.
  typ: ['What kind of token: at+jwt is an access token, and nothing else passes for one.', 'RFC 9068 section 2.1, RFC 8725 section 3.11'],
  alg: ['How it is signed. An API goes by its key, not by this word.', 'RFC 7515 section 4.1.1, RFC 8725 section 3.1'],
  kid: ['Which of the auth server’s keys signed it.', 'RFC 7515 section 4.1.4'],
};

const TIMES = new Set(['exp', 'iat', 'nbf', 'auth_time', 'updated_at']);

/** The value as people read it; what is not known is shown as it is. */
export function valueText(name, value) {
  if (TIMES.has(name) && Number.isFinite(value)) {
    return new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' }).format(new Date(value * 1000));
  }
  return typeof value === 'string' ? value : JSON.stringify(value, undefined, 1).replaceAll(/\s+/g, ' ').replaceAll(/([[{]) | ([\]}])/g, '$1$2');
}

/** The chain of actors, outermost first: [{ sub, client_id }, ...]. */
export function actorsOf(claims) {
  const actors = [];
  for (let actor = claims?.act; actor; actor = actor.act) actors.push(actor);
  return actors;
}
