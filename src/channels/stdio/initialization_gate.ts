import type { CallResult, ChannelCall, ChannelRequest } from "../channel.ts";
import { claimedRevision, eraOf } from "./revision.ts";
import { findPath, memberAt } from "./wire_text.ts";

/** MCP's own words for a lifecycle that is not open yet; `tools/list` and the like are not among them. */
const ALLOWED_BEFORE: ReadonlySet<string> = new Set(["initialize", "ping", "server/discover"]);
const CAPABILITIES_PATH = ["params", "_meta", "io.modelcontextprotocol/clientCapabilities"] as const;
const NOT_INITIALIZED = -32002;
const NOT_INITIALIZED_ERROR = JSON.stringify({
  code: NOT_INITIALIZED,
  message:
    "MCP server is not initialized; send initialize and notifications/initialized before operational requests",
  data: { origin: "tunnel-client", error_type: "mcp_initialization_required" },
});

/** True for a request that says by itself all that a handshake would, as MCP has it since 2026-07-28. */
export function isSelfContained(request: Pick<ChannelRequest, "message">): boolean {
  const capabilities = memberAt(request.message, CAPABILITIES_PATH);
  return eraOf(claimedRevision(request)) === "stateless" &&
    typeof capabilities === "object" && capabilities !== null && !Array.isArray(capabilities);
}

/** The answer to a call that came before the handshake; nothing of it reaches the child. */
export function initializationRequired(call: ChannelCall): CallResult {
  const span = findPath(call.text, ["id"]);
  const idText = span === undefined ? JSON.stringify(call.id) : call.text.slice(span.start, span.end);
  return {
    type: "preserved",
    status: 409,
    headers: [],
    text: `{"jsonrpc":"2.0","id":${idText},"error":${NOT_INITIALIZED_ERROR}}`,
    errorCode: NOT_INITIALIZED,
    targetElapsedMs: undefined,
  };
}

/**
 * Where the handshake with one child stands. Without this a server that waits for its handshake lets every other
 * request hang until its deadline. Once open it stays open for the life of the child: connectors share the child,
 * and one that begins its handshake must not shut the others out, as it would by A-74.
 */
export class InitializationGate {
  #state: "closed" | "answered" | "opening" | "open" = "closed";
  readonly #written = new WeakSet<ChannelCall>();
  #opening: Promise<void> | undefined;

  /** Settles when it is known whether the gate opens; undefined where nothing is being waited for. */
  get opening(): Promise<void> | undefined {
    return this.#opening;
  }

  /** Whether the child may be given a call now. */
  admits(call: ChannelCall): boolean {
    return this.#state === "open" || ALLOWED_BEFORE.has(call.method) || isSelfContained(call);
  }

  /** The child has been handed an `initialize`. @returns false when that was known, or begins no handshake */
  initializeWritten(call: ChannelCall): boolean {
    if (this.#written.has(call) || isSelfContained(call)) return false;
    this.#written.add(call);
    return true;
  }

  /** The child has accepted an `initialize`. @returns false when that is self-contained, and opens nothing */
  initializeAnswered(call: ChannelCall): boolean {
    if (!this.#written.has(call)) return false;
    if (this.#state === "closed") this.#state = "answered";
    return true;
  }

  /** A `notifications/initialized` is on its way to the child; whoever asks now waits for how that ends. */
  initializedQueued(written: Promise<boolean>): void {
    if (this.#state !== "answered") return;
    this.#state = "opening";
    const opening = this.#opening = written.then((done) => {
      if (this.#opening === opening) this.#opening = undefined;
      this.#state = done ? "open" : "answered";
    });
  }
}
