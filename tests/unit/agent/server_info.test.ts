import assert from "node:assert/strict";
import { serverInfoValue } from "../../../src/agent/server_info.ts";

const main = { name: "main", procAffinity: false };
const child = { name: "files", procAffinity: true };

Deno.test("serverInfoValue() is compact JSON in a fixed order, affinity only where true [P-20, P-21]", () => {
  assert.equal(
    serverInfoValue([main, child], undefined),
    '{"version":1,"channels":[{"name":"main"},{"name":"files","proc_affinity":true}]}',
  );
});

Deno.test("serverInfoValue() keeps the order of the configuration [P-22]", () => {
  assert.equal(
    serverInfoValue([child, main], undefined),
    '{"version":1,"channels":[{"name":"files","proc_affinity":true},{"name":"main"}]}',
  );
});

Deno.test("serverInfoValue() lists only what the allowlist names [P-24]", () => {
  assert.equal(
    serverInfoValue([main, child], ["files"]),
    '{"version":1,"channels":[{"name":"files","proc_affinity":true}]}',
  );
});

function named(...names: string[]) {
  return names.map((name) => ({ name, procAffinity: true }));
}
const numbered = (count: number, length = 4) =>
  named(...Array.from({ length: count }, (_, index) => String(index).padStart(length, "c")));

const REFUSED: [situation: string, channels: ReturnType<typeof named>, words: RegExp][] = [
  ["no channels", [], /at least one/],
  ["33 channels", numbered(33), /32/],
  ["an empty name", named(""), /required/],
  ["a blank name", named("  "), /canonical/],
  ["a name outside the pattern", named("a.b"), /invalid/],
  ["a name of 65 characters", named("a".repeat(65)), /invalid/],
  ["a name in capitals", named("Main"), /canonical/],
  ["a name with blanks", named(" main"), /canonical/],
  ["the same name twice", named("main", "main"), /duplicate/],
];

for (const [situation, channels, words] of REFUSED) {
  Deno.test(`serverInfoValue() refuses ${situation} [P-25]`, () => {
    assert.throws(() => serverInfoValue(channels, undefined), words);
  });
}

Deno.test("serverInfoValue() takes 32 channels of 64 characters, the most there can be [P-25]", () => {
  const value = serverInfoValue(numbered(32, 64), undefined);
  assert(value.length <= 4_096, `${value.length}`);
  assert.equal(JSON.parse(value).channels.length, 32);
});

Deno.test("serverInfoValue() refuses an allowlist that leaves nothing [P-24, P-25]", () => {
  assert.throws(() => serverInfoValue([main], ["other"]), /at least one/);
});
