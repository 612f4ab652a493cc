import type { TraceContext } from "./trace_context.ts";
import type { HeaderMap } from "./wire.ts";

interface CommandBase {
  /** Opaque; never parsed or trimmed (P-8). */
  readonly requestId: string;
  /** Opaque; echoed with every response of this command. */
  readonly shardToken: string;
  /** Canonical name. */
  readonly channel: string;
  /** Unix time in ms at which the service queued it, if it said so. */
  readonly createdAtMs: number | undefined;
  /** All values in order, names as received. */
  readonly headers: HeaderMap;
  /** True when the control plane vouches that an MCP header which is not among them was not sent either. */
  readonly headersComplete: boolean;
  /** Instant of the monotonic clock at which the poll's response head arrived (P-35). */
  readonly receivedAt: number;
  /**
   * Instant of the monotonic clock after which nothing may be posted; Infinity when there is none (P-70). A relay of
   * ours may move it while the command runs (feature `more-time`).
   */
  deadlineAt: number;
  /** As received; undefined when absent, not valid or too long to be logged. */
  readonly responseTimeout?: string | undefined;
}

/** A JSON-RPC message for a target. */
export interface JsonRpcCommand extends CommandBase {
  readonly type: "jsonrpc";
  /** `response`: the connector answers a request of the target (P-92). */
  readonly kind: "call" | "notification" | "response";
  /** The message exactly as received. */
  readonly text: string;
  /** The message parsed, to look at. */
  readonly message: Readonly<Record<string, unknown>>;
  /** Empty for a response. */
  readonly method: string;
  /** Undefined for a notification. */
  readonly id: string | number | undefined;
  /** Never to be logged or counted by. */
  readonly traceContext?: TraceContext | undefined;
}

/** Ends an MCP session at the target. */
export interface SessionTerminationCommand extends CommandBase {
  readonly type: "session_termination";
}

/** Asks for the target's protected-resource metadata. */
export interface OAuthDiscoveryCommand extends CommandBase {
  readonly type: "oauth_discovery";
}

/** One polled unit of work. */
export type Command = JsonRpcCommand | SessionTerminationCommand | OAuthDiscoveryCommand;

/** The word for a command in metrics and the timeline. */
export function commandKind(command: Command): string {
  return command.type === "jsonrpc" ? command.kind : command.type;
}

/**
 * A message that waits for nothing: a notification, or the connector's answer to a request of the target. It may be just
 * what a running call waits for, so it must never stand behind one.
 */
export function isAside(command: Command): boolean {
  return command.type === "jsonrpc" && command.kind !== "call";
}

/** What a command may have to wait for. A `listen` lasts as long as its connector likes, so no call may stand behind it. */
export type Lane = "call" | "aside" | "listen";

/** The lane of a command. */
export function laneOf(command: Command): Lane {
  if (isAside(command)) return "aside";
  return command.type === "jsonrpc" && command.method === "subscriptions/listen" ? "listen" : "call";
}
