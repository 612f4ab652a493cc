/** A relay in the test's own process, so that a test sees what became of every command. */
import assert from "node:assert/strict";
import type { Log } from "../../src/ops/mod.ts";
import { createRelay, type Relay, type RelayCounts, type RelayOptions } from "../../src/relay/mod.ts";
import { within } from "./e2e_wait.ts";

export const TUNNEL_ID = `tunnel_${"e2e".padEnd(32, "0")}`;

const QUIET: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  enabled: () => false,
  with: () => QUIET,
};

/** A relay with one tunnel. */
export class TestRelay implements AsyncDisposable {
  readonly relay: Relay;
  #url = "";

  private constructor(options: Partial<RelayOptions>, apiKey: string) {
    this.relay = createRelay({ tunnels: [{ id: TUNNEL_ID, apiKeys: [apiKey] }], ...options }, QUIET);
  }

  static async start(options: Partial<RelayOptions> = {}, apiKey = "e2e-agent-key"): Promise<TestRelay> {
    const relay = new TestRelay(options, apiKey);
    const address = await relay.relay.listen({ hostname: "127.0.0.1", port: 0 });
    assert.equal(address.transport, "tcp");
    if (address.transport === "tcp") relay.#url = address.url;
    return relay;
  }

  readonly tunnelId = TUNNEL_ID;

  /** Base URL of the control plane. */
  get url(): string {
    return this.#url;
  }

  /** Where connectors send their requests. */
  get mcpUrl(): string {
    return `${this.#url}/v1/mcp/${TUNNEL_ID}`;
  }

  /** Waits until an agent has polled for the first time. */
  async polled(): Promise<void> {
    await within("first poll", this.relay.firstPollSeen(TUNNEL_ID));
  }

  get counts(): RelayCounts {
    return this.relay.counts(TUNNEL_ID);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.relay.stop();
  }
}

/**
 * The promise of the program, from the relay's side: whatever an agent was given was answered by it, exactly once.
 * To be asked when no agent runs any more.
 */
export function assertNothingLost(counts: RelayCounts): void {
  assert.equal(counts.inFlight, 0, `commands without an answer: ${JSON.stringify(counts)}`);
  assert.equal(counts.late, 0, `answers for commands that were over: ${JSON.stringify(counts)}`);
  assert.equal(counts.abandoned + counts.timedOut, 0, `callers that gave up: ${JSON.stringify(counts)}`);
  assert.equal(counts.answered, counts.delivered - counts.requeued, JSON.stringify(counts));
}
