// The buyer that InsForge's guide describes, written anew: the challenge is read from PAYMENT-REQUIRED, whatever
// its version, with v1 members; the payment goes into PAYMENT-SIGNATURE, shaped as v1.
import { randomBytes } from "node:crypto";
import { getAddress, toHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { serveBuyer, told } from "../lines.mjs";
import { Remembering } from "./remember.mjs";

const remembering = new Remembering();

const TYPES = {
  TransferWithAuthorization: [
    { name: "from", type: "address" },
    { name: "to", type: "address" },
    { name: "value", type: "uint256" },
    { name: "validAfter", type: "uint256" },
    { name: "validBefore", type: "uint256" },
    { name: "nonce", type: "bytes32" },
  ],
};

async function pay(requirements, account) {
  const { network, asset, payTo, maxAmountRequired, maxTimeoutSeconds, extra } = requirements;
  const authorization = {
    from: account.address,
    to: getAddress(payTo),
    value: String(maxAmountRequired),
    validAfter: "0",
    validBefore: String(Math.floor(Date.now() / 1000) + maxTimeoutSeconds),
    nonce: toHex(randomBytes(32)),
  };
  const signature = await account.signTypedData({
    domain: {
      name: extra.name,
      version: extra.version,
      chainId: Number(network.split(":")[1]),
      verifyingContract: getAddress(asset),
    },
    types: TYPES,
    primaryType: "TransferWithAuthorization",
    message: authorization,
  });
  return { x402Version: 1, scheme: "exact", network, payload: { signature, authorization } };
}

async function buy(url, key) {
  const unpaid = await remembering.fetch(url);
  if (unpaid.status !== 402) {
    return told(unpaid);
  }
  const header = unpaid.headers.get("PAYMENT-REQUIRED");
  const challenge = JSON.parse(Buffer.from(header, "base64").toString("utf8"));
  const [requirements] = challenge.accepts.filter(({ network }) => network === "eip155:196");
  if (requirements.maxAmountRequired === undefined) {
    throw new Error("the offer has no maxAmountRequired");
  }
  const payment = await pay(requirements, privateKeyToAccount(key));
  const value = Buffer.from(JSON.stringify(payment), "utf8").toString("base64");
  return told(await remembering.fetch(url, { headers: { "PAYMENT-SIGNATURE": value } }));
}

await serveBuyer(buy, remembering.again);
