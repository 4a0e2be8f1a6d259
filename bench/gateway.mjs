// Sells one endpoint with @x402/express, as its own documentation shows: the middleware asks a facilitator's
// /verify before the handler and its /settle after it.
//
// Argument: {"facilitator": url, "requirements": x402 v2 requirements}. A line on standard input is answered
// with the port. Ends with its standard input.
import { createInterface } from "node:readline";
import express from "express";
import { paymentMiddleware, x402ResourceServer } from "@x402/express";
import { HTTPFacilitatorClient } from "@x402/core/server";
import { ExactEvmScheme } from "@x402/evm/exact/server";

const { facilitator, requirements } = JSON.parse(process.argv[2]);
const { network, asset, amount, payTo, maxTimeoutSeconds, extra } = requirements;
const server = new x402ResourceServer(new HTTPFacilitatorClient({ url: facilitator }))
  .register(network, new ExactEvmScheme());
const routes = {
  "GET /report": {
    accepts: { scheme: "exact", network, payTo, maxTimeoutSeconds, price: { asset, amount, extra } },
    description: "a report",
  },
};

const app = express();
app.use(paymentMiddleware(routes, server));
app.get("/report", (_, response) => response.type("text/plain").send("report"));
const listener = app.listen(0, "127.0.0.1", () => console.log("ready"));
for await (const _ of createInterface({ input: process.stdin })) {
  console.log(listener.address().port);
}
process.exit();
