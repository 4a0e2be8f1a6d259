// x402-fetch, the client of x402 v1. The networks it knows are a closed list without X Layer: it pays on Base.
import { createSigner, wrapFetchWithPayment } from "x402-fetch";
import { serveBuyer, told } from "../lines.mjs";
import { Remembering } from "./remember.mjs";

const remembering = new Remembering();

async function buy(url, key) {
  const signer = await createSigner("base", key);
  return told(await wrapFetchWithPayment(remembering.fetch, signer)(url));
}

await serveBuyer(buy, remembering.again);
