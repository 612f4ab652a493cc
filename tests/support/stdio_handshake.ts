/** The handshake that a stdio server is owed before anything else is asked of it. */
import assert from "node:assert/strict";
import { call, postText } from "./e2e_json_rpc.ts";

/** Sends `initialize` and `notifications/initialized` for a channel. @param url where its connectors send to */
export async function shakeHands(url: string): Promise<void> {
  const answer = await call(url, "handshake", "initialize", {
    protocolVersion: "2025-06-18",
    capabilities: {},
    clientInfo: { name: "test", version: "1" },
  });
  assert.equal(answer.error, undefined);
  const posted = await postText(url, JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" }));
  assert.ok(posted.status < 300, `${posted.status} ${posted.text}`);
}
