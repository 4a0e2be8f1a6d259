// POST /token done with jose: verify a provider's RS256 token by its cached key set, mint InsForge's HS256 one.
// Nothing is recorded: no memberships, no revocations, no limits.
//
// Environment: JWKS_URL, ISSUER, AUDIENCE, SECRET. Says "ready", answers a line "port" with its port on
// 127.0.0.1, and ends with its standard input.
import http from "node:http";
import { createInterface } from "node:readline";
import { createRemoteJWKSet, jwtVerify, SignJWT } from "jose";

const { JWKS_URL, ISSUER, AUDIENCE, SECRET } = process.env;
const keys = createRemoteJWKSet(new URL(JWKS_URL));
const secret = new TextEncoder().encode(SECRET);
const accepted = { issuer: ISSUER, audience: AUDIENCE, algorithms: ["RS256"], clockTolerance: 30 };
const TTL = 900;
const GRANT = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT = "urn:ietf:params:oauth:token-type:jwt";

function read(request) {
  return new Promise((resolve, reject) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => resolve(Buffer.concat(parts).toString()));
    request.on("error", reject);
  });
}

async function exchange(body) {
  const form = new URLSearchParams(body);
  if (form.get("grant_type") !== GRANT || form.get("subject_token_type") !== JWT) throw new Error("not understood");
  const { payload } = await jwtVerify(form.get("subject_token"), keys, accepted);
  if (typeof payload.sub !== "string" || payload.sub === "") throw new Error("no subject");
  const now = Math.floor(Date.now() / 1000);
  const exp = Math.min(payload.exp, now + TTL);
  const email = payload["https://insforge.dev/email"];
  const token = await new SignJWT({ role: "authenticated", ...(email && { email }) })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setSubject(payload.sub)
    .setAudience("insforge-api")
    .setIssuedAt(now)
    .setExpirationTime(exp)
    .sign(secret);
  return { access_token: token, issued_token_type: JWT, token_type: "Bearer", expires_in: exp - now };
}

function answer(response, status, body) {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
    pragma: "no-cache",
    vary: "origin",
  });
  response.end(text);
}

const server = http.createServer((request, response) => {
  read(request)
    .then(exchange)
    .then((granted) => answer(response, 200, granted))
    .catch((error) => answer(response, 400, { error: "invalid_request", error_description: error.message }));
});
server.keepAliveTimeout = 60_000;
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));

console.log("ready");
for await (const _ of createInterface({ input: process.stdin })) {
  console.log(server.address().port);
}
process.exit(0);
