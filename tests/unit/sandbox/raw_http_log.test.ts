import assert from "node:assert/strict";
import { createTargetClient } from "../../../src/net/mod.ts";
import type { LogLevel } from "../../../src/ops/mod.ts";
import { withRawLog } from "../../../src/sandbox/raw_http_log.ts";
import { Changes } from "../../support/agent_changes.ts";
import { RecordedLog } from "../../support/agent_recorders.ts";
import { RawHttpServer } from "../../support/agent_http_server.ts";

interface Raw extends AsyncDisposable {
  readonly client: ReturnType<typeof createTargetClient>;
  readonly url: string;
  dumps(event: string): string[];
}

/** A client with a raw log towards a server that answers like this. */
function open(body: string, level: LogLevel = "debug"): Raw {
  const server = new RawHttpServer(() =>
    Promise.resolve({ status: 200, headers: [["Set-Cookie", "crumb"], ["X-Shown", "yes"]], body })
  );
  const recorded = new RecordedLog(new Changes());
  const log = { ...recorded.log, enabled: (asked: LogLevel) => asked !== "debug" || level === "debug" };
  const client = withRawLog(createTargetClient(), log);
  return {
    client,
    url: `http://127.0.0.1:${server.port}`,
    dumps: (event) => recorded.all(event).map(({ fields }) => String(fields.dump)),
    [Symbol.asyncDispose]: async () => {
      client.close();
      await server.close();
    },
  };
}

const HEADERS = [
  ["Authorization", "Bearer the-key"],
  ["cookie", "crumb"],
  ["X-Tunnel-Shard-Token", "the-shard"],
  ["X-Seen", "header"],
] as const;

Deno.test("withRawLog() dumps request and response whole, without credentials [CFG-95, L-15, L-16]", async () => {
  await using raw = open("the answer");
  const { client, url } = raw;
  const response = await client.request({
    method: "POST",
    url: `${url}/mcp?q=1`,
    headers: HEADERS,
    body: "asked",
  });
  assert.deepEqual(raw.dumps("raw http response"), [], "not before the body was read");
  assert.equal(await response.body.text(), "the answer");
  const [request] = raw.dumps("raw http request");
  assert.match(
    request!,
    /^POST \/mcp\?q=1 HTTP\/1\.1\nHost: 127\.0\.0\.1:\d+\nAuthorization: \[REDACTED\]\n/,
  );
  assert.match(request!, /X-Seen: header\n\nasked$/);
  const [answer] = raw.dumps("raw http response");
  assert.match(answer!, /^HTTP\/1\.1 200\n[^]*X-Shown: yes\n[^]*\nthe answer$/);
  assert.doesNotMatch(request! + answer!, /the-key|the-shard|crumb/);
});

Deno.test("withRawLog() passes a body on piece by piece, and shows what was read of one that is given up", async () => {
  await using raw = open("x".repeat(100_000));
  const whole = await raw.client.request({ method: "GET", url: `${raw.url}/a`, headers: [] });
  let bytes = 0;
  for await (const chunk of whole.body.chunks()) bytes += chunk.length;
  assert.equal(bytes, 100_000);
  const [long] = raw.dumps("raw http response");
  assert.match(long!, /x\[… 34464 more bytes\]$/);
  const left = await raw.client.request({ method: "GET", url: `${raw.url}/b`, headers: [] });
  left.body.cancel();
  left.body.cancel();
  assert.deepEqual(raw.dumps("raw http response").length, 2, "once for each");
  assert.match(raw.dumps("raw http response")[1]!, /\[… given up\]$/);
});

Deno.test("withRawLog() dumps no poll, and nothing above level debug [A-42, L-15]", async () => {
  await using raw = open("{}");
  const poll = { method: "GET", url: `${raw.url}/v1/tunnels/t/poll?limit=1`, headers: HEADERS };
  assert.equal(await (await raw.client.request(poll)).body.text(), "{}");
  await using quiet = open("{}", "info");
  assert.equal(
    await (await quiet.client.request({ method: "GET", url: quiet.url, headers: [] })).body.text(),
    "{}",
  );
  for (const { dumps } of [raw, quiet]) {
    assert.deepEqual([...dumps("raw http request"), ...dumps("raw http response")], []);
  }
});
