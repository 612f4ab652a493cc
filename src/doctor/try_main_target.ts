import { type LoadedConfig, MAIN_CHANNEL } from "../config/mod.ts";
import { routesOf } from "../sandbox/mod.ts";
import { loadCertificates } from "./certificates.ts";
import { commandsFor } from "./commands.ts";
import { meet } from "./meet.ts";
import { secretsOf } from "./secrets.ts";

/** How the main MCP server has answered. */
export interface TargetTrial {
  /** `auth-required`: it is there and wants to know who asks; nothing is wrong with that. */
  readonly outcome: "ok" | "auth-required" | "failed";
  /** In words for a person: why it failed, or what the server calls itself; empty when there is nothing to say. */
  readonly detail: string;
}

/** `npx` and its like may download the server first. */
const STDIO_LIMIT_MS = 60_000;
const HTTP_LIMIT_MS = 10_000;

/**
 * Asks the main MCP server of a configuration who it is, the way the agent would: over its proxy and certificates, or by
 * starting its command. Whatever it has started is gone afterwards.
 * @param env what a child inherits from, and what names proxies and roots
 * @throws the signal's `reason` when it was aborted
 */
export async function tryMainTarget(
  loaded: LoadedConfig,
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<TargetTrial> {
  const { config, secretNames } = loaded;
  const main = config.mcp.bindings.find(({ channel }) => channel === MAIN_CHANNEL);
  if (main === undefined) return { outcome: "failed", detail: "nothing is bound to the main channel" };
  const { check, texts } = await loadCertificates(config, env, commandsFor({}, env));
  if (texts === undefined) return { outcome: "failed", detail: check.summary };
  const place = {
    config,
    env,
    secretNames,
    routes: routesOf(config, texts),
    redact: secretsOf(loaded).everything,
  };
  const met = await meet(place, main, signal, main.transport === "stdio" ? STDIO_LIMIT_MS : HTTP_LIMIT_MS);
  signal.throwIfAborted();
  if (met.type === "done") return { outcome: "ok", detail: met.server.name ?? "" };
  if (met.type === "locked") return { outcome: "auth-required", detail: "" };
  const words = met.lastWords === undefined ? "" : `; ${met.lastWords}`;
  return { outcome: "failed", detail: `${met.detail}${words}` };
}
