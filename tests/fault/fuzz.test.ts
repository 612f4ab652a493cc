import assert from "node:assert/strict";
import { runFuzz } from "../fuzz/run.ts";

/** Always the same: what `deno task fuzz` looks for at random must not make this gate fail at random. */
const SEED = 20_261_121;

Deno.test("2,000 damaged poll bodies, event streams, HTTP answers and stdio lines: no crash, every command answered once", async () => {
  const { inputs, commands, answers } = await runFuzz({ seed: SEED, seconds: 60, inputs: 2_000 });
  assert.ok(inputs >= 2_000, `only ${inputs} inputs were fed`);
  assert.ok(commands >= 1_900, `only ${commands} commands came of them`);
  // Some have a time limit that passes at once, or a shard token that cannot be sent back.
  assert.ok(answers > commands * 0.98, `only ${answers} of ${commands} commands were answered`);
});
