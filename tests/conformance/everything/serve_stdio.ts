import {
  isJSONRPCNotification,
  isJSONRPCRequest,
  type JSONRPCMessage,
  type JSONRPCNotification,
  type JSONRPCRequest,
  PROTOCOL_VERSION_META_KEY,
  ProtocolError,
  ProtocolErrorCode,
  type Transport,
  UnsupportedProtocolVersionError,
} from "@modelcontextprotocol/server";
import { serveStdio as serveOver, StdioServerTransport } from "@modelcontextprotocol/server/stdio";
import { createEverythingServer } from "./create_server.ts";
import { createWorld } from "./world.ts";

const MODERN_VERSION = "2026-07-28";

/**
 * Serves the everything server over standard input and output. The SDK decides on an era with the first message, and
 * checks the version of that one only; here each message is served in the era in which it is written, because all the
 * suite's connectors share this one process.
 */
export function serveStdio(): void {
  const wire = new StdioServerTransport();
  const world = createWorld();
  const legacy = new Branch(wire);
  const modern = new Branch(wire);
  serveOver(() => createEverythingServer(world, "legacy"), { transport: legacy });
  serveOver(() => createEverythingServer(world, "modern"), { transport: modern, legacy: "reject" });
  wire.onmessage = (message: JSONRPCMessage) => {
    if (isJSONRPCNotification(message) && message.method === "notifications/cancelled") {
      // Nothing in it says who runs the request; whoever does not know the id ignores it.
      legacy.onmessage?.(message);
      modern.onmessage?.(message);
    } else if (!isModern(message)) legacy.onmessage?.(message);
    else {
      const fault = isJSONRPCRequest(message) ? versionFault(message) : undefined;
      if (fault === undefined) modern.onmessage?.(message);
      else wire.send(fault);
    }
  };
  wire.onclose = () => Deno.exit(0);
  wire.start();
}

/** One of several servers behind the same standard input and output. */
class Branch implements Transport {
  onmessage?: Transport["onmessage"];
  onclose?: Transport["onclose"];
  onerror?: Transport["onerror"];
  readonly #wire: StdioServerTransport;

  constructor(wire: StdioServerTransport) {
    this.#wire = wire;
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  send(message: JSONRPCMessage): Promise<void> {
    return this.#wire.send(message);
  }

  close(): Promise<void> {
    this.onclose?.();
    return Promise.resolve();
  }
}

/** True for messages of the 2026-07-28 form: they carry their protocol version, or a method that came with it. */
function isModern(message: JSONRPCMessage): message is JSONRPCRequest | JSONRPCNotification {
  if (!isJSONRPCRequest(message) && !isJSONRPCNotification(message)) return false;
  return versionOf(message) !== undefined || message.method === "server/discover";
}

function versionOf(message: JSONRPCRequest | JSONRPCNotification): unknown {
  return message.params?._meta?.[PROTOCOL_VERSION_META_KEY];
}

/** The error for a request that names no version, or one that is not served here. */
function versionFault(request: JSONRPCRequest): JSONRPCMessage | undefined {
  const requested = versionOf(request);
  if (requested === MODERN_VERSION) return undefined;
  const { code, message, data } = typeof requested === "string"
    ? new UnsupportedProtocolVersionError({ supported: [MODERN_VERSION], requested })
    : new ProtocolError(
      ProtocolErrorCode.InvalidParams,
      `Invalid _meta: ${PROTOCOL_VERSION_META_KEY} is missing`,
    );
  return { jsonrpc: "2.0", id: request.id, error: { code, message, data } };
}
