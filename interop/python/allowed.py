"""USDG is none of the default tokens of x402's clients: the buyer has to allow it."""

NETWORK = "eip155:196"
USDG = {
    "network": NETWORK,
    "asset": "0x4ae46a509f6b1d9056937ba4500cb143933d2dc8",
    "max_amount_per_payment": "10000",
}
SPEND_CONTROLS = {"allowed_assets": [USDG]}
