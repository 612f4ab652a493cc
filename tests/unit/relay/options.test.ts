import assert from "node:assert/strict";
import { type RelayOptions, RelayOptionsError, settingsOf } from "../../../src/relay/options.ts";

const tunnels = [{ id: "t", apiKeys: ["k"] }];

Deno.test("settingsOf() fills every gap, also those given as undefined", () => {
  const settings = settingsOf(
    { tunnels, responseTimeoutMs: 5, maxOpenPolls: undefined } as unknown as RelayOptions,
  );
  assert.deepEqual([
    settings.responseTimeoutMs,
    settings.maxOpenPolls,
    settings.emptyPoll,
    settings.strictness,
    settings.lastSeenWindowMs,
    settings.maxPollWaitMs,
  ], [5, 64, 204, "strict", 20_000, 60_000]);
});

Deno.test("settingsOf() refuses what no relay can work with", () => {
  for (
    const [options, said] of [
      [{ tunnels: [] }, /at least one tunnel/],
      [{ tunnels: [...tunnels, ...tunnels] }, /given twice/],
      [{ tunnels: [{ id: "t", apiKeys: [] }] }, /needs an agent key/],
      [{ tunnels: [{ id: "t", apiKeys: [""] }] }, /needs an agent key/],
      [{ tunnels: [{ id: "a/b", apiKeys: ["k"] }] }, /slash/],
      [{ tunnels, responseTimeoutMs: 0 }, /responseTimeoutMs/],
      [{ tunnels, responseTimeoutMs: 3_000_000_000 }, /responseTimeoutMs/],
      [{ tunnels, maxQueuedCommands: NaN }, /maxQueuedCommands/],
      [{ tunnels, publicBaseUrl: "relay.example" }, /public URL/],
      [{ tunnels, publicBaseUrl: "https://u:p@relay.example" }, /public URL/],
    ] as const
  ) {
    assert.throws(() => settingsOf(options), (error: Error) => {
      assert.ok(error instanceof RelayOptionsError);
      assert.match(error.message, said);
      return true;
    });
  }
  assert.equal(
    settingsOf({ tunnels, publicBaseUrl: "https://relay.example/x//" }).publicBaseUrl,
    "https://relay.example/x",
  );
});
