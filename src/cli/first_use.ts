import type { ConfigProblem } from "../config/mod.ts";

/** What somebody who starts for the first time has not got yet, and where it comes from. */
const HINTS: readonly (readonly [missing: string, hint: string])[] = [
  [
    "tunnel ID is required",
    "see tunnel-client admin tunnels create --help, tunnel-client admin tunnels list --help, tunnel-client init, " +
    "or tunnel-client help quickstart",
  ],
  ["main channel is required", "see tunnel-client init, or tunnel-client help quickstart"],
  ["control plane API key is required", "see tunnel-client help quickstart, or tunnel-client init"],
];

/** What to read next, behind `; `; empty for every problem but the three of a first start. */
export function firstUseHint({ message }: Pick<ConfigProblem, "message">): string {
  const found = HINTS.find(([missing]) => message.startsWith(missing));
  return found === undefined ? "" : `; ${found[1]}`;
}
