import assert from "node:assert/strict";
import { type DoctorReport, reportDocument, reportText } from "../../../src/doctor/mod.ts";

const WELL: DoctorReport = {
  checks: [
    { id: "tunnel_id", status: "PASS", summary: "tunnel_x" },
    {
      id: "mcp_handshake",
      status: "PASS",
      summary: "s 1 speaks MCP 2025-06-18",
      hops: [{ name: "initialize", ms: 4.5 }],
      evidence: [],
    },
    { id: "codex_plugin", status: "SKIP", summary: "no plugin", why: "because", next: ["install it"] },
  ],
  runCommand: "tunnel-client run --profile p",
  doctorCommand: "tunnel-client doctor --profile p --explain",
  summaryLine: "a line",
};
const BAD: DoctorReport = {
  ...WELL,
  checks: [
    { id: "ui", status: "SKIP", summary: "left out" },
    { id: "clock", status: "WARN", summary: "40 s behind", evidence: ["one", "two"] },
    { id: "files", status: "FAIL", summary: "no directory", why: "it matters", next: ["first", "second"] },
    { id: "control_plane_key", status: "FAIL", summary: "refused" },
  ],
};

Deno.test("reportText() pads ids and statuses, and ends with the command to run [D-5]", () => {
  assert.equal(
    reportText(WELL, "brief"),
    "CHECK tunnel_id                PASS tunnel_x\n" +
      "CHECK mcp_handshake            PASS s 1 speaks MCP 2025-06-18 (initialize 4.5 ms)\n" +
      "CHECK codex_plugin             SKIP no plugin\n" +
      "\n" +
      "RESULT ok\n" +
      "NEXT   tunnel-client run --profile p\n" +
      "SUMMARY a line\n",
  );
});

Deno.test("reportText() lists what failed, in order, and a warning is no failure [D-3, D-5]", () => {
  const [, end = ""] = reportText(BAD, "brief").split("\n\n");
  assert.equal(
    end,
    "RESULT fail\nFAILED_CHECKS files,control_plane_key\nEXIT_CODE 2\nEXPLAIN tunnel-client doctor --profile p --explain\nSUMMARY a line\n",
  );
  assert.doesNotMatch(reportText(BAD, "explained"), /^EXPLAIN/m);
});

Deno.test("reportText() explains whatever did not pass and has something to explain [D-6]", () => {
  const [, , ...blocks] = reportText(BAD, "explained").trimEnd().split("\n\n");
  assert.deepEqual(blocks, [
    "CHECK clock   WARN\nEvidence:\n  - one\n  - two",
    "CHECK files   FAIL\nWhy this matters:\n  it matters\nWhat to do next:\n  1. first\n  2. second",
  ]);
  assert.match(
    reportText(WELL, "explained"),
    /\nCHECK codex_plugin {3}SKIP\nWhy this matters:\n {2}because\n/,
  );
});

Deno.test("reportDocument() has the members of the contract, and leaves out what is empty [D-4, C-15]", () => {
  assert.deepEqual(reportDocument(WELL), {
    result: "ok",
    next: "tunnel-client run --profile p",
    checks: [
      { id: "tunnel_id", status: "PASS", summary: "tunnel_x" },
      {
        id: "mcp_handshake",
        status: "PASS",
        summary: "s 1 speaks MCP 2025-06-18",
        hops: [{ name: "initialize", ms: 4.5 }],
      },
      { id: "codex_plugin", status: "SKIP", summary: "no plugin", why: "because", next: ["install it"] },
    ],
    summary_line: "a line",
  });
  const bad = reportDocument(BAD) as Record<string, unknown>;
  assert.deepEqual(bad.failed_checks, ["files", "control_plane_key"]);
  assert.deepEqual(Object.keys(bad), ["result", "failed_checks", "checks", "summary_line"]);
});
