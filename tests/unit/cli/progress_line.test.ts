import assert from "node:assert/strict";
import { progressLine } from "../../../src/cli/progress_line.ts";

Deno.test("progressLine() shows one line that fits, replaces it, and takes it away once", () => {
  const written: string[] = [];
  const line = progressLine({ write: (text) => written.push(text), isTerminal: true, columns: () => 20 });
  line.clear();
  line.show(["files", "mcp_handshake", "clock"]);
  line.show(["clock"]);
  line.show([]);
  line.clear();
  assert.deepEqual(written, ["\r\x1b[Kchecking files, mcp", "\r\x1b[Kchecking clock", "\r\x1b[K"]);
});

Deno.test("progressLine() writes nothing to what is no terminal, and knows a width where a terminal knows none", () => {
  const written: string[] = [];
  const write = (text: string) => void written.push(text);
  progressLine({ write, isTerminal: false, columns: () => 80 }).show(["clock"]);
  assert.deepEqual(written, []);
  progressLine({ write, isTerminal: true, columns: () => 0 }).show(["x".repeat(200)]);
  assert.equal(written.join("").length, "\r\x1b[K".length + 79);
});
