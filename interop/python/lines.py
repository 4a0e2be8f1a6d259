"""How the suite talks to a program: a line of JSON in, a line of JSON out; the program ends with its input."""

import json
import sys


def say(message):
    print(json.dumps(message), flush=True)


def serve_buyer(buy, again):
    """`buy(url, key)` buys with a new key; `again(url)` sends the same payment once more, without an x402
    client. Both return a response."""
    say({"ready": True})
    for line in sys.stdin:
        order = json.loads(line)
        try:
            response = again(order["url"]) if order.get("again") else buy(order["url"], order["key"])
            say({"status": response.status_code, "body": response.text})
        except Exception as error:  # noqa: BLE001: whatever the client raises is what the buyer got
            say({"error": f"{type(error).__name__}: {error}"})
