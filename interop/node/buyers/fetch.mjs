// @x402/fetch, as its documentation shows it. USDG is none of its default tokens: the buyer has to allow it.
import { ExactEvmScheme } from "@x402/evm";
import { wrapFetchWithPayment, x402Client } from "@x402/fetch";
import { privateKeyToAccount } from "viem/accounts";
import { serveBuyer, told } from "../lines.mjs";
import { Remembering } from "./remember.mjs";

const network = "eip155:196";
const USDG = { network, asset: "0x4ae46a509f6b1d9056937ba4500cb143933d2dc8", maxAmountPerPayment: "10000" };

const remembering = new Remembering();

async function buy(url, key) {
  const client = x402Client.fromConfig({
    schemes: [{ network, client: new ExactEvmScheme(privateKeyToAccount(key)) }],
    spendControls: { allowedAssets: [USDG] },
  });
  return told(await wrapFetchWithPayment(remembering.fetch, client)(url));
}

await serveBuyer(buy, remembering.again);
