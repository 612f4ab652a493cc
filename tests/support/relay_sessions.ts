/** Sessions through the relay, with the hands of both sides. */
import type { PolledCommand, RelayHarness } from "./relay_harness.ts";

export const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}';

export interface InitializeOptions {
  /** Session id of the target. */
  readonly given?: string;
  /** Revision that is asked for and agreed on. */
  readonly version?: string;
  readonly resp_json?: unknown;
  readonly resp_code?: number;
}

/** Takes the next command and answers it; members given replace the usual ones. */
export async function answerWith(
  harness: RelayHarness,
  members: Readonly<Record<string, unknown>>,
): Promise<PolledCommand> {
  const command = await harness.nextCommand();
  await harness.respond(command, members);
  return command;
}

/** One `initialize` from the connector's request to its reply. */
export async function initialize(
  harness: RelayHarness,
  { given, version = "2025-11-25", ...members }: InitializeOptions = {},
): Promise<{ readonly sessionId: string | undefined; readonly response: Response }> {
  const params = { protocolVersion: version, capabilities: {}, clientInfo: { name: "t", version: "1" } };
  const call = harness.call(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params }), {
    headers: { Accept: "application/json, text/event-stream" },
  });
  await answerWith(harness, {
    resp_json: { jsonrpc: "2.0", id: 1, result: { protocolVersion: version, capabilities: {} } },
    resp_headers: {
      "Content-Type": ["application/json"],
      ...(given === undefined ? {} : { "Mcp-Session-Id": [given] }),
    },
    ...members,
  });
  const response = await call;
  await response.text();
  return { sessionId: response.headers.get("mcp-session-id") ?? undefined, response };
}
