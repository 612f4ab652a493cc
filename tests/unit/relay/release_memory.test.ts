import assert from "node:assert/strict";
import { ReleaseMemory } from "../../../src/relay/release_memory.ts";

Deno.test("ReleaseMemory counts a release once and for two seconds [poll-release]", () => {
  const memory = new ReleaseMemory();
  memory.remember("a", 1_000);
  assert.deepEqual([memory.take("b", 1_000), memory.take("a", 3_000), memory.take("a", 3_000)], [
    false,
    true,
    false,
  ]);
  memory.remember("a", 5_000);
  assert.equal(memory.take("a", 7_001), false);
});

Deno.test("ReleaseMemory remembers a bounded number, the newest", () => {
  const memory = new ReleaseMemory();
  for (let at = 0; at < 1_000; at++) memory.remember(`i${at}`, 0);
  let remembered = 0;
  for (let at = 0; at < 1_000; at++) if (memory.take(`i${at}`, 0)) remembered++;
  assert.equal(remembered, 256);
  memory.remember("old", 0);
  memory.remember("new", 10_000);
  assert.equal(memory.take("old", 10_000), false);
});
