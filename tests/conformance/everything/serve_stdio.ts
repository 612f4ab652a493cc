import {
  isJSONRPCNotification,
  isJSONRPCRequest,
  type JSONRPCMessage,
  PROTOCOL_VERSION_META_KEY,
  type Transport,
} from "@modelcontextprotocol/server";
import { serveStdio as serveOver, StdioServerTransport } from "@modelcontextprotocol/server/stdio";
import { createEverythingServer } from "./create_server.ts";
import { createWorld } from "./world.ts";

/**
 * Serves the everything server over standard input and output. The SDK decides on an era with the first message; here
 * each message is served in the era in which it is written, because the suite's connectors all share this one process.
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
    } else (isModern(message) ? modern : legacy).onmessage?.(message);
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
function isModern(message: JSONRPCMessage): boolean {
  if (!isJSONRPCRequest(message) && !isJSONRPCNotification(message)) return false;
  const version = message.params?._meta?.[PROTOCOL_VERSION_META_KEY];
  return version !== undefined || message.method === "server/discover";
}
