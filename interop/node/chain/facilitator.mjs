// The second generation of OKX's API, in front of real EVMs: it checks who asks, executes the authorization,
// and answers. It can be told to lose an answer, and then to keep quiet until told otherwise.
import { createHmac } from "node:crypto";

const PREFIX = "/api/v6/pay/x402";
const SKEW_MS = 30_000;

export class Facilitator {
  /** Executed authorizations, by chain, payer and nonce. */
  executed = new Map();
  /** What is to happen to the next answer of /settle: `{ dark }` loses it, and may keep everything dark. */
  lose = null;
  /** Whether an answer was lost since that was said. */
  lost = false;
  /** Whether nobody learns anything, from the chain or from here. */
  dark = false;

  constructor(evms, credentials) {
    this.evms = evms;
    this.credentials = credentials;
  }

  /** The answer to a request, or null where it is to be lost. */
  async answer(request, body) {
    const refused = this.refuse(request, body);
    if (refused) {
      return { status: 401, body: { code: refused[0], msg: refused[1], data: null } };
    }
    const url = new URL(request.url, "http://localhost");
    const data = await this.data(request.method, url, body && JSON.parse(body));
    if (data === null) {
      return null;
    }
    return data ? { status: 200, body: { code: "0", msg: "", data } } : { status: 404, body: {} };
  }

  refuse({ method, url, headers }, body) {
    const { key, secret, passphrase } = this.credentials;
    const stamp = headers["ok-access-timestamp"] ?? "";
    const sign = createHmac("sha256", secret).update(stamp + method + url + body).digest("base64");
    if (headers["ok-access-key"] !== key) return ["50111", "Invalid OK-ACCESS-KEY"];
    if (!(Math.abs(Date.parse(stamp) - Date.now()) < SKEW_MS)) return ["50112", "Invalid OK-ACCESS-TIMESTAMP"];
    if (headers["ok-access-passphrase"] !== passphrase) return ["50105", "OK-ACCESS-PASSPHRASE incorrect"];
    return headers["ok-access-sign"] === sign ? undefined : ["50113", "Invalid Sign"];
  }

  async data(method, url, body) {
    switch (`${method} ${url.pathname.replace(PREFIX, "")}`) {
      case "GET /supported":
        return this.supported();
      case "POST /verify":
        return this.verify(body);
      case "POST /settle":
        return this.settle(body);
      case "GET /settle/status":
        return this.status(url.searchParams.get("txHash"));
      default:
        return undefined;
    }
  }

  supported() {
    const kinds = this.evms.map(({ network }) => ({ x402Version: 2, scheme: "exact", network }));
    return { kinds, extensions: [], signers: { "eip155:*": this.evms.map((evm) => evm.relayer) } };
  }

  /** The chain, and why it would not execute this. */
  async judge({ paymentPayload, paymentRequirements: required }) {
    const evm = this.evms.find(({ network }) => network === required.network);
    const { authorization } = paymentPayload.payload;
    const same = (one, other) => one.toLowerCase() === other.toLowerCase();
    if (!evm) return { reason: "unsupported_chain" };
    if (!same(required.asset, evm.token)) return { reason: "no matching payment option" };
    if (!same(authorization.to, required.payTo)) return { reason: "toAddr mismatch" };
    if (authorization.value !== required.amount) return { reason: "amount mismatch" };
    if (await evm.read("authorizationState", [authorization.from, authorization.nonce])) {
      return { evm, reason: "invalid signature, nonce_used" };
    }
    const enough = (await evm.read("balanceOf", [authorization.from])) >= BigInt(authorization.value);
    return { evm, reason: enough ? undefined : "insufficient_balance" };
  }

  async verify(body) {
    const { reason } = await this.judge(body);
    const payer = body.paymentPayload.payload.authorization.from;
    return { isValid: !reason, invalidReason: reason ?? null, payer };
  }

  async settle(body) {
    if (this.dark) {
      return null;
    }
    const { authorization, signature } = body.paymentPayload.payload;
    const { network } = body.paymentRequirements;
    const identity = [network, authorization.from, authorization.nonce].join().toLowerCase();
    // The same payment again is told what became of it the first time.
    let transaction = this.executed.get(identity) ?? "";
    let errorReason;
    if (!transaction) {
      const { evm, reason } = await this.judge(body);
      errorReason = reason;
      if (!reason) {
        try {
          transaction = await evm.execute(authorization, signature);
          this.executed.set(identity, transaction);
        } catch {
          errorReason = "invalid_signature";
        }
      }
    }
    if (this.lose) {
      this.dark = this.lose.dark;
      this.lose = null;
      this.lost = true;
      return null;
    }
    const said = { payer: authorization.from, transaction, network };
    return errorReason ? { success: false, errorReason, ...said } : { success: true, status: "success", ...said };
  }

  status(hash) {
    if (this.dark) {
      return null;
    }
    const known = [...this.executed].find(([, transaction]) => transaction === hash);
    if (!known) {
      return { success: false, errorReason: "not_found" };
    }
    const [network, payer] = known[0].split(",");
    return { success: true, status: "success", payer, transaction: hash, network };
  }
}
