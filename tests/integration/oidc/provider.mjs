// An OpenID provider on loopback: `node provider.mjs PORT CLIENT_ID CLIENT_SECRET REDIRECT_URI…`. Any name signs in, with
// any password; what is known of somebody follows from the name.
import Provider from "oidc-provider";

const [port, client_id, client_secret, ...redirect_uris] = process.argv.slice(2);

/** @param {string} name */
function claimsOf(name) {
  const [local, domain = "acme.example"] = name.split("@");
  return {
    sub: name,
    name: `${local[0].toUpperCase()}${local.slice(1)} ${domain.split(".")[0]}`,
    email: `${local}@${domain}`,
    email_verified: !local.startsWith("unverified"),
    groups: local.startsWith("root") ? ["staff", "meeting-admins"] : ["staff"],
  };
}

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id,
      client_secret,
      redirect_uris,
      response_types: ["code"],
      grant_types: ["authorization_code"],
    },
  ],
  claims: { email: ["email", "email_verified"], openid: ["sub"], profile: ["name", "groups"] },
  cookies: { keys: ["not a secret"] },
  findAccount: (_ctx, id) => ({ accountId: id, claims: async () => claimsOf(id) }),
  pkce: { required: () => true },
});
provider.listen(Number(port), "127.0.0.1", () => console.log("the provider listens"));
