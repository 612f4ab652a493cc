import assert from "node:assert/strict";
import { CommandAborted, sleep } from "../../../src/agent/abort.ts";

Deno.test("sleep() resolves after its time", async () => {
  const startedAt = performance.now();
  await sleep(15, new AbortController().signal);
  assert(performance.now() - startedAt >= 14);
});

Deno.test("sleep() ends early with the signal's reason, and leaves no timer behind [P-57]", async () => {
  const controller = new AbortController();
  const slept = sleep(3_600_000, controller.signal);
  controller.abort(new CommandAborted("deadline"));
  await assert.rejects(slept, (error) => error === controller.signal.reason);
});

Deno.test("sleep() does not begin when its signal is aborted already [P-57]", async () => {
  const signal = AbortSignal.abort(new CommandAborted("drain_limit"));
  await assert.rejects(sleep(3_600_000, signal), (error) => error === signal.reason);
});

Deno.test("CommandAborted tells which clock fired [P-191]", () => {
  assert.equal(new CommandAborted("connection_ttl").clock, "connection_ttl");
});
