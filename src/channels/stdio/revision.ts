import type { ChannelRequest } from "../channel.ts";
import { memberAt } from "./wire_text.ts";

/** The first revision of MCP without sessions, in which each request names its own revision. */
const FIRST_STATELESS = "2026-07-28";
const DATE = /^\d{4}-\d\d-\d\d$/;
const VERSION_PATH = ["params", "_meta", "io.modelcontextprotocol/protocolVersion"] as const;

/** Before or since 2026-07-28; `unknown` for what is no date at all. */
export function eraOf(version: unknown): "sessions" | "stateless" | "unknown" {
  if (typeof version !== "string" || !DATE.test(version)) return "unknown";
  return version < FIRST_STATELESS ? "sessions" : "stateless";
}

/** The revision that a request names in its body, as it stands there. */
export function claimedRevision({ message }: Pick<ChannelRequest, "message">): unknown {
  return memberAt(message, VERSION_PATH);
}
