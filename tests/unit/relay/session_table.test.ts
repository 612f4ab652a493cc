import assert from "node:assert/strict";
import { beginsSession } from "../../../src/relay/session_steps.ts";
import { type Session, SessionTable } from "../../../src/relay/session_table.ts";

function session(id: string, channel = "main"): Session {
  return { id, channel, issuer: "target", protocolVersion: "2025-11-25" };
}

Deno.test("SessionTable knows sessions by channel and id, and tells who is over from who is unknown", () => {
  const gone: string[] = [];
  const table = new SessionTable(10, ({ id }) => gone.push(id));
  table.begin(session("a"));
  assert.equal(table.find("main", "a")?.id, "a");
  assert.equal(table.find("extra", "a"), undefined);
  assert.equal(table.isOver("extra", "a"), false);
  table.end("main", "a");
  assert.deepEqual([table.find("main", "a"), table.isOver("main", "a"), table.size], [undefined, true, 0]);
  assert.deepEqual(gone, ["a"]);
  table.end("main", "never-begun");
  assert.equal(table.isOver("main", "never-begun"), true);
  table.begin(session("a"));
  assert.equal(table.isOver("main", "a"), false, "a target may give an id again");
});

Deno.test("SessionTable keeps the sessions that were used last", () => {
  const gone: string[] = [];
  const table = new SessionTable(2, ({ id }) => gone.push(id));
  for (const id of ["a", "b"]) table.begin(session(id));
  table.find("main", "a");
  table.begin(session("c"));
  assert.deepEqual(gone, ["b"]);
  assert.equal(table.size, 2);
  assert.equal(table.isOver("main", "b"), false, "it is only forgotten");
});

Deno.test("SessionTable remembers a bounded number of ended sessions, the newest", () => {
  const table = new SessionTable(2, () => {});
  for (let n = 0; n <= 10_000; n++) table.end("main", `${n}`);
  assert.deepEqual([table.isOver("main", "0"), table.isOver("main", "1")], [false, true]);
});

Deno.test("SessionTable.newId() makes ids that are over as soon as nobody knows them", () => {
  const table = new SessionTable(2, () => {});
  const id = SessionTable.newId();
  assert.notEqual(id, SessionTable.newId());
  assert.equal(table.isOver("main", id), true);
  assert.equal(table.isOver("main", "relay-of-somebody-else"), false);
});

Deno.test("beginsSession() takes the revision of the answer, and that of the request while there is none", () => {
  const table = new SessionTable(9, () => {});
  const begin = (requested: unknown, json: string | undefined) => {
    const added = beginsSession(table, "main", requested).answered(200, [], json);
    return table.find("main", added[0]?.[1] ?? "")?.protocolVersion;
  };
  const result = (version: unknown) => JSON.stringify({ id: 1, result: { protocolVersion: version } });
  assert.equal(begin("2025-11-25", result("2025-06-18")), "2025-06-18");
  assert.equal(begin("2025-11-25", undefined), "2025-11-25");
  for (const version of ["2026-07-28", "2027-01-01", "newest", 7, undefined]) {
    assert.equal(begin("2025-11-25", result(version)), undefined, `${version}`);
  }
  assert.equal(begin({}, undefined), undefined);
  const learned = beginsSession(table, "main", "x").answered(200, [["MCP-Session-ID", "t"]], '{"result":{}}');
  assert.deepEqual([learned, table.find("main", "t")?.issuer], [[], "target"]);
});
