import assert from "node:assert/strict";
import { dialDirect } from "../../../src/net/dial.ts";

/** Longer than the shortest timer, so that it is due in the next turn of the event loop. */
const BUSY_MS = 1.1;
/** Without care, about one in thirty connections stays open for ever. */
const ROUNDS = 200;

Deno.test("dialDirect() leaves nothing open when it is aborted in the turn in which the connection comes about", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepting = (async () => {
    for await (const conn of listener) conn.close();
  })();
  const { port } = listener.addr as Deno.NetAddr;
  const reason = new Error("not wanted any more");
  for (let round = 0; round < ROUNDS; round++) {
    const abort = new AbortController();
    const dialling = dialDirect({ secure: false, hostname: "127.0.0.1", port }, abort.signal);
    setTimeout(() => abort.abort(reason), 0);
    const untilMs = performance.now() + BUSY_MS;
    while (performance.now() < untilMs);
    const end = await dialling.then((wire) => wire.close(), (error) => error);
    assert.ok(end === undefined || end === reason, String(end));
  }
  // What is still open is seen by the sanitizer of resources.
  listener.close();
  await accepting;
});

Deno.test("dialDirect() does not even begin when it is aborted before", async () => {
  const endpoint = { secure: false, hostname: "127.0.0.1", port: 9 };
  const reason = new Error("not wanted");
  await assert.rejects(dialDirect(endpoint, AbortSignal.abort(reason)), reason);
});
