/** Connectors of every kind, which call without pause and check each answer. */
import { createTargetClient, type HttpClient } from "../../src/net/mod.ts";

export interface LoadCounts {
  calls: number;
  /** Calls whose connector hung up on purpose. */
  hungUp: number;
  /** Calls to the stdio server that it took with it when it was killed. */
  takenAlong: number;
}

type Kind = "json" | "stream" | "stdio" | "notification" | "unknown channel" | "hang up";

/** What each connector does, over and over; most calls are ordinary ones. */
const ROUND: readonly Kind[] = [
  ...Array<Kind>(30).fill("json"),
  ...Array<Kind>(8).fill("stream"),
  ...Array<Kind>(8).fill("stdio"),
  "notification",
  "unknown channel",
  "hang up",
];
const HANG_UP = new Error("the connector hangs up");

/** Runs connectors until the signal is aborted. @throws {Error} at the first wrong answer */
export async function load(
  mcpUrl: string,
  connectors: number,
  counts: LoadCounts,
  over: AbortSignal,
): Promise<void> {
  const client = createTargetClient();
  try {
    await Promise.all(
      Array.from({ length: connectors }, (_, number) => connector(client, mcpUrl, number, counts, over)),
    );
  } finally {
    client.close();
  }
}

async function connector(
  client: HttpClient,
  mcpUrl: string,
  number: number,
  counts: LoadCounts,
  over: AbortSignal,
): Promise<void> {
  for (let step = number * 7; !over.aborted; step++) {
    const kind = ROUND[step % ROUND.length] ?? "json";
    await once(client, mcpUrl, kind, `${number}-${step}`, counts);
    counts.calls++;
  }
}

async function once(
  client: HttpClient,
  mcpUrl: string,
  kind: Kind,
  id: string,
  counts: LoadCounts,
): Promise<void> {
  const path = kind === "stdio"
    ? "/stdio"
    : kind === "stream"
    ? "/stream"
    : kind === "unknown channel"
    ? "/nowhere"
    : "";
  const message = {
    jsonrpc: "2.0",
    id: kind === "notification" ? undefined : id,
    method: "tools/call",
    params: {},
  };
  const accept = kind === "stream" ? "application/json, text/event-stream" : "application/json";
  const signal = kind === "hang up" ? AbortSignal.abort(HANG_UP) : undefined;
  const request = { method: "POST", url: mcpUrl + path, body: JSON.stringify(message) };
  const headers = [["Content-Type", "application/json"], ["Accept", accept]] as const;
  if (signal) {
    const hangUp = new AbortController();
    const response = client.request({ ...request, headers, signal: hangUp.signal });
    setTimeout(() => hangUp.abort(HANG_UP), Math.random() * 3);
    try {
      await (await response).body.text();
    } catch (error) {
      if (error !== HANG_UP) throw error;
      counts.hungUp++;
    }
    return;
  }
  const response = await client.request({ ...request, headers });
  const text = await response.body.text();
  if (kind === "notification") {
    if (response.status >= 300) throw new Error(`a notification met ${response.status}: ${text}`);
  } else if (kind === "unknown channel") {
    if (response.status !== 400) throw new Error(`an unknown channel met ${response.status}: ${text}`);
  } else if (response.status === 502 && kind === "stdio") counts.takenAlong++;
  else if (response.status !== 200 || !text.includes(`"id":"${id}","result"`)) {
    throw new Error(`call ${id} (${kind}) met ${response.status}: ${text.slice(0, 500)}`);
  }
}
