"""requests with x402's adapter, as its documentation shows it."""

import requests
from eth_account import Account
from x402 import x402ClientSync
from x402.http.clients import wrapRequestsWithPayment
from x402.mechanisms.evm import EthAccountSigner
from x402.mechanisms.evm.exact.register import register_exact_evm_client

from allowed import NETWORK, SPEND_CONTROLS
from lines import serve_buyer

PAYMENT = "PAYMENT-SIGNATURE"
sent = {}


def buy(url, key):
    client = x402ClientSync().set_spend_controls(SPEND_CONTROLS)
    register_exact_evm_client(client, EthAccountSigner(Account.from_key(key)), networks=NETWORK)
    response = wrapRequestsWithPayment(requests.Session(), client).get(url)
    if PAYMENT in response.request.headers:
        sent[PAYMENT] = response.request.headers[PAYMENT]
    return response


def again(url):
    return requests.get(url, headers=sent)


serve_buyer(buy, again)
