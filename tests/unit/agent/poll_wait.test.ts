import assert from "node:assert/strict";
import { ControlPlaneStatusError } from "../../../src/agent/control_plane_error.ts";
import { PollWait } from "../../../src/agent/poll_wait.ts";
import { NetError } from "../../../src/net/mod.ts";

const CLOSED = new NetError("eof", "connection closed without an answer", true);
const CONFIGURED_MS = 30_000;

function status(code: number): ControlPlaneStatusError {
  return new ControlPlaneStatusError("poll", code, { code: "", message: "" } as never, undefined, undefined);
}

/** Polls once through something that ends whatever is quiet for `limitMs`. */
function pollThrough(wait: PollWait, limitMs: number) {
  const askedMs = wait.waitMs;
  return askedMs > limitMs ? wait.failed(CLOSED, limitMs, askedMs) : wait.returned(askedMs, askedMs);
}

Deno.test("PollWait asks for the configured wait as long as nothing cuts polls", () => {
  const wait = new PollWait(CONFIGURED_MS);
  for (let count = 0; count < 100; count++) {
    assert.equal(wait.returned(CONFIGURED_MS, wait.waitMs), undefined);
  }
  assert.equal(wait.waitMs, CONFIGURED_MS);
  assert.equal(wait.shortened, undefined);
});

Deno.test("PollWait shortens to what survives when two polls are cut after the same time, and says so once", () => {
  const wait = new PollWait(CONFIGURED_MS);
  assert.equal(wait.failed(CLOSED, 20_000, CONFIGURED_MS), undefined);
  assert.equal(wait.waitMs, CONFIGURED_MS, "once may be an accident");
  // The short poll between, by which polling proves that it works again.
  assert.equal(wait.returned(1_000, 1_000), undefined);
  assert.equal(wait.failed(CLOSED, 20_100, CONFIGURED_MS), "shortened");
  assert.equal(wait.waitMs, 15_000);
  assert.deepEqual(wait.shortened, { waitMs: 15_000, cutAfterMs: 20_100 });
});

Deno.test("PollWait shortens further where the next limit is lower", () => {
  const wait = new PollWait(CONFIGURED_MS);
  for (let count = 0; count < 2; count++) wait.failed(CLOSED, 20_000, wait.waitMs);
  for (let count = 0; count < 2; count++) {
    assert.equal(wait.failed(CLOSED, 8_000, wait.waitMs), undefined, "told once");
  }
  assert.equal(wait.waitMs, 6_000);
});

Deno.test("PollWait tries longer ones slowly, each failed trial later than the one before", () => {
  const wait = new PollWait(CONFIGURED_MS);
  const failedAt: number[] = [];
  for (let poll = 0; poll < 200; poll++) {
    const before = wait.waitMs;
    pollThrough(wait, 20_000);
    if (before > 20_000) failedAt.push(poll);
  }
  const gaps = failedAt.slice(1).map((poll, index) => poll - failedAt[index]!);
  assert.deepEqual(gaps, [1, 9, 17, 33, 65], "8, 16, 32 and 64 whole polls between two failures");
  assert.ok(wait.waitMs <= 20_000);
});

Deno.test("PollWait comes back to the configured wait when what cut polls is gone, and says so once", () => {
  const wait = new PollWait(CONFIGURED_MS);
  for (let count = 0; count < 2; count++) pollThrough(wait, 6_000);
  assert.equal(wait.waitMs, 4_500);
  const changes: unknown[] = [];
  const asked = new Set<number>();
  for (let count = 0; count < 80; count++) {
    asked.add(wait.waitMs);
    changes.push(pollThrough(wait, Infinity));
  }
  assert.deepEqual([...asked], [4_500, 6_750, 10_125, 15_187, 22_780, 30_000]);
  assert.deepEqual(changes.filter((change) => change !== undefined), ["restored"]);
  assert.equal(wait.shortened, undefined);
});

Deno.test("PollWait goes by repetition: one cut, then a longer poll, then one cut again is no limit", () => {
  const wait = new PollWait(CONFIGURED_MS);
  wait.failed(CLOSED, 5_000, CONFIGURED_MS);
  wait.returned(CONFIGURED_MS, CONFIGURED_MS);
  assert.equal(wait.failed(CLOSED, 5_000, CONFIGURED_MS), undefined);
  assert.equal(wait.failed(CLOSED, 25_000, CONFIGURED_MS), undefined, "another time");
  assert.equal(wait.waitMs, CONFIGURED_MS);
});

for (
  const [what, error, durationMs] of [
    ["a poll that was never sent", new NetError("connection_refused", "connection refused", false), 5_000],
    ["a connection that could not be opened in time", new NetError("timeout", "no connection", false), 5_000],
    ["a refusal of the key", status(401), 5_000],
    ["too many requests", status(429), 5_000],
    ["an answer that is not understood", new NetError("unknown", "not HTTP", true), 5_000],
    ["a service that fails at once", status(503), 200],
    ["a connection that is dropped at once", CLOSED, 200],
    ["an end at the time that was asked for", status(504), 29_500],
  ] as const
) {
  Deno.test(`PollWait takes this for no cut: ${what}`, () => {
    const wait = new PollWait(CONFIGURED_MS);
    for (let count = 0; count < 5; count++) {
      assert.equal(wait.failed(error, durationMs, CONFIGURED_MS), undefined);
    }
    assert.equal(wait.waitMs, CONFIGURED_MS);
  });
}

for (
  const [what, error] of [
    ["a closed connection", CLOSED],
    ["a reset", new NetError("connection_reset", "connection reset by peer", true)],
    ["504 of a gateway", status(504)],
    ["502 of a gateway", status(502)],
    ["408", status(408)],
  ] as const
) {
  Deno.test(`PollWait takes this for a cut: ${what}`, () => {
    const wait = new PollWait(CONFIGURED_MS);
    wait.failed(error, 10_000, CONFIGURED_MS);
    assert.equal(wait.failed(error, 10_000, CONFIGURED_MS), "shortened");
  });
}
