// @x402/axios, as its documentation shows it.
import { wrapAxiosWithPayment, x402Client } from "@x402/axios";
import { ExactEvmScheme } from "@x402/evm";
import axios from "axios";
import { privateKeyToAccount } from "viem/accounts";
import { serveBuyer } from "../lines.mjs";

let payment;

const text = { responseType: "text", transformResponse: (body) => body };

/** axios rejects statuses outside 2xx; the rejection carries the request that was sent last. */
async function told(request) {
  const answer = await request.catch((error) => {
    if (error.response) return error.response;
    throw error;
  });
  payment = answer.config.headers.get("PAYMENT-SIGNATURE") ?? payment;
  return { status: answer.status, body: answer.data };
}

function buy(url, key) {
  const client = new x402Client().register("eip155:196", new ExactEvmScheme(privateKeyToAccount(key)));
  return told(wrapAxiosWithPayment(axios.create(text), client).get(url));
}

const again = (url) => told(axios.get(url, { ...text, headers: { "PAYMENT-SIGNATURE": payment } }));

await serveBuyer(buy, again);
