import assert from "node:assert/strict";
import fc from "fast-check";
import type { Command } from "../../../src/agent/command.ts";
import { SeenCommands } from "../../../src/agent/seen_commands.ts";

function command(requestId: string, shardToken = "shard"): Command {
  return {
    type: "oauth_discovery",
    requestId,
    shardToken,
    channel: "main",
    createdAtMs: undefined,
    headers: {},
    headersComplete: false,
    receivedAt: 0,
    deadlineAt: Infinity,
  };
}

Deno.test("SeenCommands admits a command once, while it is here and after its end [P-66]", () => {
  const seen = new SeenCommands();
  assert.equal(seen.admit(command("a")), true);
  assert.equal(seen.admit(command("a")), false);
  seen.ended(command("a"));
  assert.equal(seen.admit(command("a")), false);
});

Deno.test("SeenCommands forgets the oldest of more than 4096 ends, and never a command that is here", () => {
  const seen = new SeenCommands();
  for (let id = 0; id < 10_000; id++) assert.equal(seen.admit(command(`here-${id}`)), true);
  for (let id = 0; id < 4097; id++) {
    seen.admit(command(`gone-${id}`));
    seen.ended(command(`gone-${id}`));
  }
  assert.equal(seen.admit(command("gone-0")), true);
  assert.equal(seen.admit(command("gone-1")), false);
  assert.equal(seen.admit(command("gone-4096")), false);
  for (let id = 0; id < 10_000; id++) assert.equal(seen.admit(command(`here-${id}`)), false);
});

Deno.test("SeenCommands remembers fewer ends where their names are long", () => {
  const seen = new SeenCommands();
  const name = (id: number) => `${id}-`.padEnd(100_000, "x");
  for (let id = 0; id < 20; id++) {
    seen.admit(command(name(id)));
    seen.ended(command(name(id)));
  }
  assert.equal(seen.admit(command(name(19))), false);
  assert.equal(seen.admit(command(name(5))), true);
});

Deno.test("property: SeenCommands tells two commands apart unless both ids are the same [P-81]", () => {
  const id = fc.oneof(fc.string(), fc.constantFrom("1", "11", ":", "1:", "2:1"));
  fc.assert(
    fc.property(id, id, id, id, (requestA, shardA, requestB, shardB) => {
      const seen = new SeenCommands();
      seen.admit(command(requestA, shardA));
      const same = requestA === requestB && shardA === shardB;
      assert.equal(seen.admit(command(requestB, shardB)), !same);
    }),
    { numRuns: 1000 },
  );
});
