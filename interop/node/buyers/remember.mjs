// A fetch that remembers the payment that went through it, as an application would that wants to send the same
// one again: the x402 clients around it are unmodified.
import { told } from "../lines.mjs";

const PAYMENT_HEADERS = ["payment-signature", "x-payment"];

export class Remembering {
  payment = {};

  fetch = (input, init) => {
    const headers = new Request(input, init).headers;
    const paid = PAYMENT_HEADERS.filter((name) => headers.has(name));
    if (paid.length > 0) {
      this.payment = Object.fromEntries(paid.map((name) => [name, headers.get(name)]));
    }
    return fetch(input, init);
  };

  again = async (url) => told(await fetch(url, { headers: this.payment }));
}
