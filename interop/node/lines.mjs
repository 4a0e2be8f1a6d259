// How the suite talks to a program: a line of JSON in, a line of JSON out; the program ends with its input.
import { createInterface } from "node:readline";

/**
 * Serves a buyer. `buy(url, key)` buys with a new key; `again(url)` sends the same payment once more, without
 * any x402 client.
 */
export async function serveBuyer(buy, again) {
  const orders = createInterface({ input: process.stdin });
  say({ ready: true });
  for await (const line of orders) {
    const { again: repeated, url, key } = JSON.parse(line);
    try {
      say(await (repeated ? again(url) : buy(url, key)));
    } catch (error) {
      say({ error: String(error?.message ?? error) });
    }
  }
}

/** Says where a program listens that now lives until its input ends. */
export function listening(port) {
  say({ port });
  process.stdin.on("end", () => process.exit(0)).resume();
}

function say(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

/** What of a fetch response the suite wants to know. */
export async function told(response) {
  return { status: response.status, body: await response.text() };
}
