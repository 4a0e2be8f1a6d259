// Judges signed payments with viem, as x402's TypeScript facilitators do: EIP-712 hash, recovery, comparison.
//
// Argument: a file with one payment (x402 v2 JSON) a line. For each line "go" on standard input it verifies
// all of them once and prints the milliseconds that took. Ends with its standard input.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { verifyTypedData } from "viem/utils";

const types = {
  TransferWithAuthorization: [
    { name: "from", type: "address" },
    { name: "to", type: "address" },
    { name: "value", type: "uint256" },
    { name: "validAfter", type: "uint256" },
    { name: "validBefore", type: "uint256" },
    { name: "nonce", type: "bytes32" },
  ],
};
const texts = readFileSync(process.argv[2], "utf8").trim().split("\n");

async function verify(text) {
  const { payload, accepted } = JSON.parse(text);
  const { from, to, value, validAfter, validBefore, nonce } = payload.authorization;
  return verifyTypedData({
    address: from,
    domain: {
      name: accepted.extra.name,
      version: accepted.extra.version,
      chainId: Number(accepted.network.split(":")[1]),
      verifyingContract: accepted.asset,
    },
    types,
    primaryType: "TransferWithAuthorization",
    message: { from, to, value: BigInt(value), validAfter: BigInt(validAfter), validBefore: BigInt(validBefore), nonce },
    signature: payload.signature,
  });
}

console.log("ready");
for await (const _ of createInterface({ input: process.stdin })) {
  const started = process.hrtime.bigint();
  for (const text of texts) {
    if (!(await verify(text))) throw new Error("viem refuses a payment that is valid");
  }
  console.log(Number(process.hrtime.bigint() - started) / 1e6);
}
