"""httpx with x402's transport, as its documentation shows it."""

import asyncio

import httpx
from eth_account import Account
from x402 import x402Client
from x402.http.clients.httpx import x402AsyncTransport
from x402.mechanisms.evm import EthAccountSigner
from x402.mechanisms.evm.exact.register import register_exact_evm_client

from allowed import NETWORK, SPEND_CONTROLS
from lines import serve_buyer

PAYMENT = "PAYMENT-SIGNATURE"
sent = {}


class Remembering(httpx.AsyncHTTPTransport):
    """Keeps the payment that goes out, as an application would that wants to send the same one again."""

    async def handle_async_request(self, request):
        if PAYMENT in request.headers:
            sent[PAYMENT] = request.headers[PAYMENT]
        return await super().handle_async_request(request)


async def get(url, transport, headers=None):
    async with httpx.AsyncClient(transport=transport, timeout=60) as client:
        return await client.get(url, headers=headers)


def buy(url, key):
    client = x402Client().set_spend_controls(SPEND_CONTROLS)
    register_exact_evm_client(client, EthAccountSigner(Account.from_key(key)), networks=NETWORK)
    return asyncio.run(get(url, x402AsyncTransport(client, Remembering())))


def again(url):
    return asyncio.run(get(url, httpx.AsyncHTTPTransport(), sent))


serve_buyer(buy, again)
