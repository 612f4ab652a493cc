/** Section 20 of spec 01: the one call for the tunnel's name. */
import assert from "node:assert/strict";
import { gate } from "../support/agent_changes.ts";
import { callCommand, SECRET, TUNNEL_ID } from "../support/agent_commands.ts";
import { withAgent } from "../support/agent_harness.ts";
import type { RawReply } from "../support/agent_http_server.ts";

Deno.test("metadata: it is fetched once at the start, and what it says is kept [P-140]", async () => {
  await withAgent({}, async ({ agent, controlPlane, log }) => {
    const record = await log.nth("tunnel metadata fetched");
    assert.deepEqual([record.level, record.fields.name, record.fields.description], [
      "info",
      "scripted",
      "a test",
    ]);
    assert.deepEqual(agent.metadata, { id: TUNNEL_ID, name: "scripted", description: "a test" });
    controlPlane.deliver(callCommand(1));
    await controlPlane.responseTo("req-1");
    assert.equal(controlPlane.metadataCalls.length, 1);
  });
});

Deno.test("metadata: any 2xx will do [P-140]", async () => {
  await withAgent({ start: false }, async ({ agent, controlPlane, log }) => {
    controlPlane.metadataReply = { status: 206, body: '{"id":"x","name":"","description":"d","future":[1]}' };
    await agent.start();
    await log.nth("tunnel metadata fetched");
    assert.deepEqual(agent.metadata, { id: "x", name: "", description: "d" });
  });
});

/** Everything that can go wrong is told once as a warning, and nothing else happens (P-140, section 23). */
const BAD: [situation: string, reply: RawReply, fields: Record<string, unknown>][] = [
  ["204 without a body", { status: 204 }, { error: "tunnel metadata is not JSON" }],
  ["a body that is not JSON", { status: 200, body: `<${SECRET}>` }, { error: "tunnel metadata is not JSON" }],
  ["JSON of another shape", { status: 200, body: `["${SECRET}"]` }, {
    error: "tunnel metadata lacks id, name or description",
  }],
  ["a name that is no text", { status: 200, body: '{"id":"x","name":1,"description":""}' }, {
    error: "tunnel metadata lacks id, name or description",
  }],
  [
    "403",
    { status: 403, body: '{"error":{"code":"tunnel_active_organization_required","message":"which?"}}' },
    { status_code: 403, error_code: "tunnel_active_organization_required", error_message: "which?" },
  ],
  ["404", { status: 404 }, { status_code: 404 }],
  ["429", { status: 429, headers: [["Retry-After", "1"]] }, { status_code: 429 }],
  ["500", { status: 500, body: "oops" }, {
    status_code: 500,
    error: "control plane answered metadata with status 500: oops",
  }],
];
for (const [situation, reply, fields] of BAD) {
  Deno.test(`metadata: ${situation} is a warning, never fatal, never retried [P-140]`, async () => {
    await withAgent({ start: false }, async ({ agent, controlPlane, log }) => {
      controlPlane.metadataReply = reply;
      await agent.start();
      const record = await log.nth("tunnel metadata fetch failed");
      assert.equal(record.level, "warn");
      for (const [name, value] of Object.entries(fields)) assert.equal(record.fields[name], value);
      if (fields.error_code) assert.match(String(record.fields.mitigation), /organization-id/);
      controlPlane.deliver(callCommand(1));
      await controlPlane.responseTo("req-1");
      assert.equal(controlPlane.metadataCalls.length, 1);
      assert.equal(agent.metadata, undefined);
    });
  });
}

Deno.test("metadata: a service that does not answer it neither blocks polling nor the stop, which says nothing of it [P-140]", async () => {
  const never = gate();
  await withAgent({ start: false }, async ({ agent, controlPlane, log }) => {
    controlPlane.metadataReply = never.opened.then(() => ({ status: 200 }));
    await agent.start();
    controlPlane.deliver(callCommand(1));
    await controlPlane.responseTo("req-1");
    controlPlane.finish();
    await agent.drain(5_000);
    assert.deepEqual(log.all(/metadata/), []);
    never.open();
  });
});
