import assert from "node:assert/strict";
import { parsePollQuery } from "../../../src/relay/poll_query.ts";
import { RelayError } from "../../../src/relay/relay_error.ts";

const strict = { strictness: "strict", maxPollWaitMs: 60_000 } as const;
const lenient = { strictness: "lenient", maxPollWaitMs: 5_000 } as const;

Deno.test("parsePollQuery() reads limit, wait and repeated channels, and ignores what it does not know [P-160, P-163]", () => {
  const query = parsePollQuery("channel=harpoon&x&channel=%20Main+&limit=25&timeout_ms=30000&=&", strict);
  const channels = new Set(["harpoon", "main"]);
  assert.deepEqual(query, { limit: 25, waitMs: 30_000, channels, asidesOnly: false });
  const nothing = { limit: 1, waitMs: 500, channels: undefined, asidesOnly: false };
  assert.deepEqual(parsePollQuery("", strict), nothing);
  assert.equal(parsePollQuery("only=asides", strict).asidesOnly, true);
  for (const other of ["only", "only=", "only=calls", "ONLY=asides"]) {
    assert.deepEqual(parsePollQuery(other, strict), nothing, other);
  }
});

Deno.test("parsePollQuery() cuts the wait at the relay's maximum [P-160]", () => {
  assert.equal(parsePollQuery("timeout_ms=999999999999", strict).waitMs, 60_000);
  assert.equal(parsePollQuery("timeout_ms=99999", lenient).waitMs, 5_000);
  assert.equal(parsePollQuery("", { ...strict, maxPollWaitMs: 100 }).waitMs, 100);
});

Deno.test("parsePollQuery() of a lenient relay takes defaults for bad numbers, but no bad channel [P-160]", () => {
  assert.deepEqual(parsePollQuery("limit=0&timeout_ms=-1", lenient), {
    limit: 1,
    waitMs: 500,
    channels: undefined,
    asidesOnly: false,
  });
  assert.throws(() => parsePollQuery("channel=a%20b", lenient), RelayError);
  assert.throws(() => parsePollQuery("channel=%E0%A4%A", lenient), RelayError);
});
