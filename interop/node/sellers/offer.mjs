// What both middlewares sell, and how they reach the sidecar.
import { HTTPFacilitatorClient, x402ResourceServer } from "@x402/core/server";
import { ExactEvmScheme } from "@x402/evm/exact/server";

const { FACILITATOR_URL, PAYEE } = process.env;

export const server = new x402ResourceServer(new HTTPFacilitatorClient({ url: FACILITATOR_URL })).register(
  "eip155:196",
  new ExactEvmScheme(),
);

export const routes = {
  "GET /report/*": {
    accepts: {
      scheme: "exact",
      network: "eip155:196",
      price: {
        amount: "10000",
        asset: "0x4ae46a509f6b1d9056937ba4500cb143933d2dc8",
        extra: { name: "Global Dollar", version: "1" },
      },
      payTo: PAYEE,
    },
    description: "a report",
    mimeType: "text/plain",
  },
};
