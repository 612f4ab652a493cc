import assert from "node:assert/strict";
import { ControlPlaneStatusError, ControlPlaneTimeoutError } from "../../../src/agent/control_plane_error.ts";
import { PollBodyError } from "../../../src/agent/decode.ts";
import { describeError } from "../../../src/agent/error_text.ts";
import { BodyTooLargeError, NetError } from "../../../src/net/mod.ts";

Deno.test("describeError() says what this program knows of its own errors", () => {
  const detail = { code: "tunnel_use_forbidden", type: "", message: "no", body: "" };
  const refused = new ControlPlaneStatusError("poll", 401, { ...detail, code: "c" }, undefined, undefined);
  assert.equal(describeError(refused), "control plane answered poll with status 401: c: no");
  assert.equal(
    describeError(new ControlPlaneTimeoutError("poll", 35)),
    "control plane did not finish poll within 35 ms",
  );
  assert.equal(describeError(new NetError("tls", "certificate expired", false)), "tls: certificate expired");
  assert.equal(describeError(new PollBodyError("poll reply is not JSON")), "poll reply is not JSON");
  assert.equal(describeError(new BodyTooLargeError(7)), "body is larger than 7 bytes");
});

Deno.test("describeError() tells only name and place of any other error, for its message may quote a payload [P-156]", () => {
  const errors = [
    () => JSON.parse('{"key":5ecret}'),
    () => new Headers([["a", "x\n5ecret"]]),
    () => new URL("5ecret"),
    () => {
      throw new RangeError("x\n    at 5ecret:1:1");
    },
  ];
  for (const cause of errors) {
    let text = "";
    try {
      cause();
    } catch (error) {
      text = describeError(error);
    }
    assert.match(text, /^unexpected (SyntaxError|TypeError|RangeError) at [\w.-]+:\d+:\d+$/);
    assert(!text.includes("5ecret"));
  }
});

Deno.test("describeError() takes anything that can be thrown [P-80]", () => {
  assert.equal(describeError("5ecret"), "unexpected string");
  assert.equal(describeError(undefined), "unexpected undefined");
  assert.equal(describeError(null), "unexpected object");
  const bare = new Error("5ecret");
  bare.stack = undefined;
  assert.equal(describeError(bare), "unexpected Error");
});
