import assert from "node:assert/strict";
import fc from "fast-check";
import type { Command } from "../../../src/agent/command.ts";
import { decodePoll, PollBodyError } from "../../../src/agent/decode.ts";
import { makeCase } from "../../fuzz/cases.ts";
import { type Owed, readPoll } from "../../fuzz/oracle.ts";

/** What `decodePoll` makes of a body, in the words of the second reader. */
function decoded(text: string): Owed[] | undefined {
  try {
    return decodePoll(text, 0).commands.map(owed);
  } catch (error) {
    if (error instanceof PollBodyError) return undefined;
    throw error;
  }
}

function owed(command: Command): Owed {
  const { requestId, shardToken, deadlineAt: timeoutMs } = command;
  const kind = command.type === "jsonrpc" ? command.kind : command.type;
  const id = command.type === "jsonrpc" && kind === "call" ? command.id : undefined;
  return { requestId, shardToken, kind, id, timeoutMs };
}

Deno.test("property: decodePoll() takes from a damaged body just what a second reader takes [P-58 … P-69]", () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(100_000), (seed, number) => {
      const text = new TextDecoder().decode(makeCase(seed, 2 * number).bytes);
      assert.deepEqual(decoded(text), readPoll(text));
    }),
    { numRuns: 3_000 },
  );
});

Deno.test("property: decodePoll() hands on the text of every message of a damaged body as it stood there [P-64]", () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(100_000), (seed, number) => {
      const text = new TextDecoder().decode(makeCase(seed, 2 * number).bytes);
      if (readPoll(text) === undefined) return;
      for (const command of decodePoll(text, 0).commands) {
        if (command.type !== "jsonrpc") continue;
        assert(text.includes(command.text));
        assert.deepEqual(JSON.parse(command.text), command.message);
      }
    }),
    { numRuns: 1_000 },
  );
});
