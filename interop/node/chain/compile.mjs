// The token's code, compiled for the hard fork that ganache runs.
import { readFileSync } from "node:fs";
import solc from "solc";

const FILE = "Token.sol";

/** Deployed code of each contract, by name. */
export function compile() {
  const content = readFileSync(new URL(FILE, import.meta.url), "utf8");
  const input = {
    language: "Solidity",
    sources: { [FILE]: { content } },
    settings: {
      evmVersion: "london",
      optimizer: { enabled: true },
      outputSelection: { "*": { "*": ["evm.deployedBytecode.object"] } },
    },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input)));
  const errors = (output.errors ?? []).filter((error) => error.severity === "error");
  if (errors.length > 0) {
    throw new Error(errors.map((error) => error.formattedMessage).join("\n"));
  }
  const contracts = Object.entries(output.contracts[FILE]);
  return Object.fromEntries(contracts.map(([name, made]) => [name, `0x${made.evm.deployedBytecode.object}`]));
}
