// The settler's job done by graphile-worker: read a payment, call the facilitator as OKX wants to be called,
// insert what came of it. Nothing is verified, fenced or written before the call.
//
// Environment: DATABASE_URL, FACILITATOR_URL, OKX_API_KEY, OKX_SECRET_KEY, OKX_PASSPHRASE, CONCURRENCY, and
// BATCHED=1 for the local queue and batched completion of graphile-worker's performance page.
// Prepares its schema, says "ready", waits for a line "start", and ends with its standard input.
import { createHmac } from "node:crypto";
import http from "node:http";
import { createInterface } from "node:readline";
import { Logger, run, runMigrations } from "graphile-worker";
import pg from "pg";

const { DATABASE_URL, FACILITATOR_URL, OKX_API_KEY, OKX_SECRET_KEY, OKX_PASSPHRASE, BATCHED } = process.env;
const concurrency = Number(process.env.CONCURRENCY);
const PATH = "/api/v6/pay/x402/settle";
const facilitator = new URL(FACILITATOR_URL);
const agent = new http.Agent({ keepAlive: true, maxSockets: concurrency });
const pgPool = new pg.Pool({ connectionString: DATABASE_URL, max: 10 });
pgPool.on("error", console.error);
pgPool.on("connect", (client) => client.on("error", console.error));
const logger = new Logger(() => (level, message) => level === "error" && console.error(message));

function settle(payload) {
  const body = JSON.stringify({
    x402Version: 2,
    paymentPayload: payload.payment,
    paymentRequirements: payload.requirements,
    syncSettle: true,
  });
  const at = new Date().toISOString();
  const headers = {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "ok-access-key": OKX_API_KEY,
    "ok-access-sign": createHmac("sha256", OKX_SECRET_KEY).update(`${at}POST${PATH}${body}`).digest("base64"),
    "ok-access-timestamp": at,
    "ok-access-passphrase": OKX_PASSPHRASE,
  };
  const options = { agent, host: facilitator.hostname, port: facilitator.port, path: PATH, method: "POST", headers };
  return new Promise((resolve, reject) => {
    const request = http.request(options, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => resolve(JSON.parse(Buffer.concat(chunks).toString())));
    });
    request.on("error", reject);
    request.end(body);
  });
}

async function task(payload, helpers) {
  const answer = await settle(payload);
  const data = answer.data ?? answer;
  if (data.success !== true) throw new Error(`refused: ${data.errorReason}`);
  await helpers.query("INSERT INTO settlements (nonce, tx_hash, answer) VALUES ($1, $2, $3)", [
    payload.payment.payload.authorization.nonce,
    data.transaction,
    data,
  ]);
}

await pgPool.query(`CREATE TABLE IF NOT EXISTS settlements (
  nonce text PRIMARY KEY, tx_hash text NOT NULL, answer jsonb NOT NULL, settled_at timestamptz NOT NULL DEFAULT now())`);
await runMigrations({ pgPool, logger });
console.log("ready");
const lines = createInterface({ input: process.stdin });
lines.on("close", () => process.exit(0));
lines.once("line", async () => {
  const worker = { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 };
  const preset = BATCHED ? { worker } : {};
  await run({ pgPool, logger, preset, concurrency, noHandleSignals: true, taskList: { settle: task } });
  console.log("started");
});
