// As ../client.py, with the MCP TypeScript SDK: told nothing but the server's URL. `MCP_NODE` names the folder that the
// SDK is installed in; run as `node client.mjs URL [TOKEN]`.

import { createServer } from "node:http";
import { createRequire } from "node:module";

const sdk = createRequire(`${process.env.MCP_NODE}/package.json`);
const { Client } = sdk("@modelcontextprotocol/sdk/client/index.js");
const { StreamableHTTPClientTransport } = sdk("@modelcontextprotocol/sdk/client/streamableHttp.js");
const { UnauthorizedError } = sdk("@modelcontextprotocol/sdk/client/auth.js");

const [url, token] = process.argv.slice(2);
const logins = [], requests = [];

// Where the provider sends the browser back to (RFC 8252 section 7.3).
let cameBack;
const callback = createServer((request, answer) => {
  cameBack = new URL(request.url, "http://127.0.0.1").searchParams;
  answer.end();
});
await new Promise((listening) => callback.listen(0, "127.0.0.1", listening));
const redirectUrl = `http://127.0.0.1:${callback.address().port}/callback`;

/** What a person does: opens the page, fills in its form, and is sent back. */
async function logIn(page) {
  const text = await (await fetch(page)).text();
  const action = text.match(/action="([^"]+)"/)[1].replaceAll("&amp;", "&");
  const body = new URLSearchParams({ username: "alice", password: "alice" });
  await (await fetch(new URL(action, page), { method: "POST", body })).text();
}

const kept = { tokens: token && { access_token: token, token_type: "Bearer" } };
const authProvider = {
  redirectUrl,
  clientMetadata: { client_name: "test", redirect_uris: [redirectUrl], token_endpoint_auth_method: "none" },
  clientInformation: () => kept.client,
  saveClientInformation: (client) => { kept.client = client; },
  tokens: () => kept.tokens,
  saveTokens: (tokens) => { kept.tokens = tokens; },
  saveCodeVerifier: (verifier) => { kept.verifier = verifier; },
  codeVerifier: () => kept.verifier,
  redirectToAuthorization: async (page) => {
    logins.push(Object.fromEntries(page.searchParams));
    await logIn(page);
  },
};

/** Writes down what goes over the wire, the client's own steps to its token too. */
async function noting(to, options) {
  const answer = await fetch(to, options);
  requests.push([options?.method ?? "GET", String(to), answer.status]);
  return answer;
}

const transport = () => new StreamableHTTPClientTransport(new URL(url), { authProvider, fetch: noting });
const client = new Client({ name: "test", version: "1" });
const first = transport();
try {
  await client.connect(first);
} catch (problem) {
  if (!(problem instanceof UnauthorizedError)) throw problem;
  await first.finishAuth(cameBack.get("code"));
  await client.connect(transport());
}
const result = await client.callTool({ name: "greet", arguments: { greeting: "Hello" } });
await client.close();
callback.close();
console.log(JSON.stringify({ said: result.content.map((part) => part.text), logins, requests }));
