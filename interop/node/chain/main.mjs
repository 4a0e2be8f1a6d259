// Two real EVMs and a facilitator behind one listener: /api/… is OKX's API, /rpc/CHAIN a chain, and /admin/…
// what the suite wants to do and know. Says where it listens; ends with its standard input.
import { createServer } from "node:http";
import { listening } from "../lines.mjs";
import { compile } from "./compile.mjs";
import { Evm } from "./evm.mjs";
import { Facilitator } from "./facilitator.mjs";

const code = compile();
const evms = await Promise.all([
  Evm.start(196, "0x4ae46a509f6b1d9056937ba4500cb143933d2dc8", code.GlobalDollar),
  Evm.start(8453, "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913", code.UsdCoin),
]);
const credentials = { key: "interop-key", secret: "interop-secret", passphrase: "interop-passphrase" };
const facilitator = new Facilitator(evms, credentials);

async function admin(what, { chain, address, value, dark }) {
  const evm = evms.find((evm) => evm.chainId === chain);
  switch (what) {
    case "domain":
      return evm.read("DOMAIN_SEPARATOR");
    case "fund":
      return evm.fund(address, value);
    case "account":
      return evm.account(address);
    case "lose":
      facilitator.lose = { dark };
      facilitator.lost = false;
      return null;
    case "lost":
      return facilitator.lost;
    case "light":
      facilitator.dark = false;
      return null;
    default:
      throw new Error(`unknown: ${what}`);
  }
}

/** Answers of one EVM. While it is dark, an endpoint that is down. */
async function rpc(chain, { id, method, params }) {
  if (facilitator.dark) {
    return { status: 503, body: {} };
  }
  const evm = evms.find((evm) => evm.chainId === Number(chain));
  try {
    const result = await evm.ask(method, params);
    return { status: 200, body: { jsonrpc: "2.0", id, result: result ?? null } };
  } catch (error) {
    return { status: 200, body: { jsonrpc: "2.0", id, error: { code: -32000, message: error.message } } };
  }
}

async function answer(request, body) {
  const [, part, what] = request.url.split("/");
  if (part === "api") return facilitator.answer(request, body);
  if (part === "rpc") return rpc(what, JSON.parse(body));
  return { status: 200, body: (await admin(what, JSON.parse(body || "{}"))) ?? null };
}

const server = createServer(async (request, response) => {
  let body = "";
  for await (const piece of request.setEncoding("utf8")) body += piece;
  const said = await answer(request, body).catch((error) => ({ status: 500, body: { error: String(error) } }));
  if (said === null) {
    request.socket.destroy();
    return;
  }
  response.writeHead(said.status, { "content-type": "application/json" }).end(JSON.stringify(said.body));
});
server.listen(0, "127.0.0.1", () => listening(server.address().port));
