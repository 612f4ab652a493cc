import assert from "node:assert/strict";
import { timingOf } from "../../../src/agent/response_timing.ts";
import type { CallResult } from "../../../src/channels/mod.ts";

function answered(
  targetElapsedMs: number | undefined,
  type: "response" | "preserved" = "response",
): CallResult {
  return { type, status: 200, headers: [], text: "{}", errorCode: undefined, targetElapsedMs };
}

Deno.test("timingOf() floors to whole microseconds and uses the published words [A-60, A-62]", () => {
  assert.deepEqual(timingOf("stdio", answered(1.2349)), { transport: "stdio", targetElapsedUs: 1234 });
  assert.deepEqual(timingOf("http-streamable", answered(0, "preserved")), {
    transport: "streamable_http",
    targetElapsedUs: 0,
  });
});

Deno.test("timingOf() tells nothing that was not measured at a target [A-61, A-62]", () => {
  assert.equal(timingOf("in-memory", answered(1)), undefined);
  assert.equal(timingOf("stdio", answered(undefined)), undefined);
  const failure: CallResult = {
    type: "failure",
    kind: "eof",
    upstreamStatus: 0,
    statusCode: 502,
    headers: [],
    detail: "",
  };
  assert.equal(timingOf("stdio", failure), undefined);
});

Deno.test("timingOf() compares with its limits before it rounds [A-62]", () => {
  assert.equal(timingOf("stdio", answered(-0.0001)), undefined);
  assert.equal(timingOf("stdio", answered(Number.NaN)), undefined);
  assert.deepEqual(timingOf("stdio", answered(86_400_000))?.targetElapsedUs, 86_400_000_000);
  assert.equal(timingOf("stdio", answered(86_400_000.0005)), undefined);
});
