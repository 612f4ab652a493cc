import assert from "node:assert/strict";
import { clockCheck } from "../../../src/doctor/clock.ts";

const CONTEXT = { commands: { run: "r", doctor: "tunnel-client doctor --explain", selection: "" } };
const DATE = "Sat, 21 Nov 2026 12:00:00 GMT";
const AT_MS = Date.parse(DATE) + 500;

function clock(offS: number): string {
  const { status, summary } = clockCheck(DATE, AT_MS + offS * 1000, CONTEXT);
  return `${status} ${summary}`;
}

Deno.test("clockCheck() lets small differences pass, warns of larger ones, and fails where certificates are judged wrongly", () => {
  assert.equal(clock(0), "PASS in step with the control plane (0 s off)");
  assert.equal(clock(-29), "PASS in step with the control plane (29 s off)");
  assert.equal(clock(30), "WARN 30 s ahead of the control plane");
  assert.equal(clock(-299), "WARN 299 s behind the control plane");
  assert.equal(clock(300), "FAIL 300 s ahead of the control plane");
  assert.equal(clock(-7200), "FAIL 7200 s behind the control plane");
});

Deno.test("clockCheck() says nothing without a date, or with one that is none", () => {
  assert.equal(clockCheck(undefined, AT_MS, CONTEXT).status, "SKIP");
  assert.equal(clockCheck("yesterday", AT_MS, CONTEXT).status, "SKIP");
});
