// One real EVM with one token at the address where the real one is.
import ganache from "ganache";
import { encodeAbiParameters, encodeFunctionData, keccak256, pad, parseAbi, toHex } from "viem";
import { decodeEventLog, decodeFunctionResult } from "viem";

const ABI = parseAbi([
  "function DOMAIN_SEPARATOR() view returns (bytes32)",
  "function balanceOf(address) view returns (uint256)",
  "function authorizationState(address, bytes32) view returns (bool)",
  "function transferWithAuthorization(address, address, uint256, uint256, uint256, bytes32, bytes)",
  "event Transfer(address indexed from, address indexed to, uint256 value)",
  "event AuthorizationUsed(address indexed authorizer, bytes32 indexed nonce)",
]);

export class Evm {
  /** Starts a chain whose only contract is `code` at `token`. */
  static async start(chainId, token, code) {
    const provider = ganache.provider({
      chain: { chainId, networkId: chainId, hardfork: "london" },
      logging: { quiet: true },
      wallet: { totalAccounts: 1 },
    });
    const [relayer] = await provider.request({ method: "eth_accounts", params: [] });
    const evm = new Evm();
    Object.assign(evm, { chainId, token, provider, relayer, network: `eip155:${chainId}` });
    await evm.ask("evm_setAccountCode", [token, code]);
    await evm.ask("evm_mine", []);
    return evm;
  }

  ask(method, params) {
    return this.provider.request({ method, params });
  }

  async read(functionName, args = []) {
    const data = encodeFunctionData({ abi: ABI, functionName, args });
    const answer = await this.ask("eth_call", [{ to: this.token, data }, "latest"]);
    return decodeFunctionResult({ abi: ABI, functionName, data: answer });
  }

  /** Gives an account this much of the token, whatever it had. */
  async fund(address, value) {
    const slot = keccak256(encodeAbiParameters([{ type: "address" }, { type: "uint256" }], [address, 0n]));
    await this.ask("evm_setAccountStorageAt", [this.token, slot, pad(toHex(BigInt(value)))]);
  }

  /** Executes an authorization, in a block of its own, and returns the hash of the transaction. */
  async execute({ from, to, value, validAfter, validBefore, nonce }, signature) {
    const args = [from, to, BigInt(value), BigInt(validAfter), BigInt(validBefore), nonce, signature];
    const data = encodeFunctionData({ abi: ABI, functionName: "transferWithAuthorization", args });
    return this.ask("eth_sendTransaction", [{ from: this.relayer, to: this.token, data, gas: "0x30d40" }]);
  }

  /** What the chain knows of an account: its balance, its used nonces, and the transfers from it. */
  async account(address) {
    const filter = { address: this.token, fromBlock: "0x0", toBlock: "latest" };
    const logs = await this.ask("eth_getLogs", [{ ...filter, topics: [null, pad(address)] }]);
    const events = logs.map((log) => ({ ...decodeEventLog({ abi: ABI, ...log }), tx: log.transactionHash }));
    const named = (name) => events.filter((event) => event.eventName === name);
    return {
      balance: String(await this.read("balanceOf", [address])),
      used: named("AuthorizationUsed").map(({ args, tx }) => ({ nonce: args.nonce, tx })),
      transfers: named("Transfer").map(({ args, tx }) => ({ to: args.to, value: String(args.value), tx })),
    };
  }
}
