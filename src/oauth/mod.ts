/**
 * oauth: what protects the target? In: the main HTTP target. Out: its protected resource metadata as it was
 * answered, or a safe text that says why none was found.
 */
export { discoverProtectedResource } from "./discover.ts";
export type { DiscoveryOptions, DiscoveryResult, JudgeOrigin } from "./discover.ts";
