"""A shop on FastAPI with x402's middleware; its facilitator is the sidecar."""

import os
import socket
import sys
import threading

import uvicorn
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from x402 import x402ResourceServer
from x402.http import FacilitatorConfig, HTTPFacilitatorClient
from x402.http.middleware.fastapi import payment_middleware
from x402.mechanisms.evm.exact import ExactEvmServerScheme

from lines import say

facilitator = HTTPFacilitatorClient(FacilitatorConfig(url=os.environ["FACILITATOR_URL"]))
server = x402ResourceServer(facilitator)
server.register("eip155:196", ExactEvmServerScheme())
price = {
    "amount": "10000",
    "asset": "0x4ae46a509f6b1d9056937ba4500cb143933d2dc8",
    "extra": {"name": "Global Dollar", "version": "1"},
}
offer = {"scheme": "exact", "network": "eip155:196", "price": price, "payTo": os.environ["PAYEE"]}
routes = {"GET /report/*": {"accepts": offer, "description": "a report", "mimeType": "text/plain"}}

app = FastAPI()
app.middleware("http")(payment_middleware(routes, server))


@app.get("/report/{number}", response_class=PlainTextResponse)
def report(number: str):
    return f"report {number}"


def end_with_input():
    sys.stdin.read()
    os._exit(0)


listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=end_with_input, daemon=True).start()
say({"port": listener.getsockname()[1]})
uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])
