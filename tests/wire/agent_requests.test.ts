/** Sections 1 to 5 of spec 01: where the agent's requests go and what they carry. */
import assert from "node:assert/strict";
import { callCommand, notificationCommand, SECRET, TUNNEL_ID } from "../support/agent_commands.ts";
import { gate } from "../support/agent_changes.ts";
import { type AgentTestOptions, withAgent as withAnyAgent } from "../support/agent_harness.ts";
import { valuesOf } from "../support/agent_http_server.ts";
import { answer, answering, ScriptedChannel } from "../support/agent_scripted_channel.ts";
import { createRouteClient, createTargetClient, DIRECT_ROUTE } from "../../src/net/mod.ts";
import { VERSION } from "../../src/version.ts";

/** Both clients that an agent may be given: the bare one, and that of a route. */
const CLIENTS = { "own connections": createTargetClient, "a route": () => createRouteClient(DIRECT_ROUTE) };

/** Registers one test per client. */
function test(name: string, body: (withAgent: typeof withAnyAgent) => Promise<void>): void {
  for (const [kind, create] of Object.entries(CLIENTS)) {
    const withAgent: typeof withAnyAgent = (options: AgentTestOptions, run) =>
      withAnyAgent({ ...options, deps: { client: create(), ...options.deps } }, run);
    Deno.test(`agent over ${kind}: ${name}`, () => body(withAgent));
  }
}

test("every call goes to /v1/tunnels/{tunnel_id} and its routes [P-1]", async (withAgent) => {
  await withAgent({}, async ({ controlPlane, changes }) => {
    controlPlane.deliver(callCommand(1));
    await controlPlane.responseTo("req-1");
    await changes.until("the metadata call", () => controlPlane.metadataCalls[0]);
    const targets = new Set(
      controlPlane.requests.map(({ method, target }) => `${method} ${target.split("?")[0]}`),
    );
    const base = `/v1/tunnels/${TUNNEL_ID}`;
    assert.deepEqual(targets, new Set([`GET ${base}`, `GET ${base}/poll`, `POST ${base}/response`]));
  });
});

test("a path prefix stands before every route [P-4]", async (withAgent) => {
  await withAgent({ prefix: "/gateway/dev/us" }, async ({ controlPlane }) => {
    controlPlane.deliver(callCommand(1));
    const { request } = await controlPlane.responseTo("req-1");
    assert.equal(request.target, `/gateway/dev/us/v1/tunnels/${TUNNEL_ID}/response`);
  });
});

test("of the base URL only scheme and host count; user info is not sent beside the key [P-3]", async (withAgent) => {
  const baseUrl = (url: string) => `${url.replace("//", `//user:${SECRET}@`)}/some/path?query#fragment`;
  await withAgent({ baseUrl }, async ({ controlPlane }) => {
    controlPlane.deliver(callCommand(1));
    const { request } = await controlPlane.responseTo("req-1");
    assert.equal(request.target, `/v1/tunnels/${TUNNEL_ID}/response`);
  });
});

test("every request carries the published headers once, and no others of its own [P-9, P-16, P-17, A-4]", async (withAgent) => {
  const channels = [
    new ScriptedChannel({ onCall: answering }),
    new ScriptedChannel({ name: "files", transport: "stdio", procAffinity: true, onCall: answering }),
  ];
  const serverInfo = '{"version":1,"channels":[{"name":"main"},{"name":"files","proc_affinity":true}]}';
  await withAgent({ channels, serverInfo }, async ({ controlPlane, changes }) => {
    controlPlane.deliver(callCommand(1), callCommand(2, { channel: "files" }));
    await controlPlane.responseTo("req-1");
    await controlPlane.responseTo("req-2");
    await changes.until("the metadata call", () => controlPlane.metadataCalls[0]);
    const published =
      /^(authorization|accept|user-agent|x-tunnel-client-name|x-tunnel-client-version|x-tunnel-client-wire-protocol-version|x-tunnel-client-instance-id|x-tunnel-mcp-server-info|content-type|content-length|x-tunnel-shard-token|host|accept-encoding|accept-language|connection)$/i;
    for (const { headers } of controlPlane.requests) {
      for (const [name] of headers) assert.match(name, published);
    }
    const { request } = controlPlane.posts[0]!;
    assert.deepEqual(valuesOf(request, "User-Agent"), [`deno-tunnel-client/${VERSION}`]);
    assert.deepEqual(valuesOf(request, "X-Tunnel-Client-Name"), ["deno-tunnel-client"]);
    assert.deepEqual(valuesOf(request, "X-Tunnel-Client-Version"), [VERSION]);
    assert.deepEqual(valuesOf(request, "X-Tunnel-Client-Wire-Protocol-Version"), ["2026-08-25"]);
    assert.deepEqual(valuesOf(request, "X-Tunnel-Client-Instance-Id"), ["000102030405060708090a0b0c0d0e0f"]);
  });
});

test("operator headers go along, but never replace a protected one [P-10, P-11, P-13]", async (withAgent) => {
  const extraHeaders = [
    ["X-Gateway-Key", `${SECRET}-extra`],
    ["aUTHORIZATION", `${SECRET}-other`],
    ["Accept", "text/html"],
    ["user-agent", "other/1"],
    ["X-Tunnel-Client-Name", "other"],
    ["X-Tunnel-Client-Version", "9"],
    ["X-Tunnel-Client-Instance-Id", "other"],
    ["X-Tunnel-MCP-Server-Info", "{}"],
    ["X-Tunnel-Shard-Token", "other"],
    ["X-Client-Request-Id", "other"],
    ["Content-Type", "text/plain"],
  ] as const;
  await withAgent({ controlPlane: { extraHeaders } }, async ({ controlPlane, log }) => {
    controlPlane.deliver(callCommand(1, { headers: { "X-Request-Id": ["caller-1"] } }));
    const { request, shardToken } = await controlPlane.responseTo("req-1");
    assert.equal(shardToken, "shard of req-1");
    assert.deepEqual(valuesOf(request, "X-Client-Request-Id"), ["caller-1"]);
    for (const one of controlPlane.requests) {
      assert.deepEqual(valuesOf(one, "X-Gateway-Key"), [`${SECRET}-extra`]);
      assert(!JSON.stringify(one.headers).includes("other"), JSON.stringify(one.headers));
    }
    const warned = log.all("control-plane extra header ignored: the name is protected");
    assert.equal(warned.length, extraHeaders.length - 1, "warned of once each, not on every request");
  });
});

test("the organization setting wins over an extra header of that name, which otherwise stands [section 2, row 9]", async (withAgent) => {
  const extraHeaders = [["openai-organization", "org-extra"]] as const;
  await withAgent({ controlPlane: { extraHeaders, organizationId: "org-set" } }, async ({ controlPlane }) => {
    const { request } = await controlPlane.nthPoll(0);
    assert.deepEqual(valuesOf(request, "OpenAI-Organization"), ["org-set"]);
  });
  await withAgent({ controlPlane: { extraHeaders } }, async ({ controlPlane }) => {
    const { request } = await controlPlane.nthPoll(0);
    assert.deepEqual(valuesOf(request, "OpenAI-Organization"), ["org-extra"]);
  });
  await withAgent({}, async ({ controlPlane }) => {
    const { request } = await controlPlane.nthPoll(0);
    assert.deepEqual(valuesOf(request, "OpenAI-Organization"), []);
  });
});

test("a response carries its own command's shard token and the caller's request id [section 2, P-8]", async (withAgent) => {
  await withAgent({}, async ({ controlPlane }) => {
    controlPlane.deliver(
      callCommand(1, { shardToken: 'a, "b" c=', headers: { "x-request-id": ["", "first", "second"] } }),
      notificationCommand({ shardToken: "other token", headers: {} }),
    );
    const first = await controlPlane.responseTo("req-1");
    assert.deepEqual(valuesOf(first.request, "X-Tunnel-Shard-Token"), ['a, "b" c=']);
    assert.deepEqual(valuesOf(first.request, "X-Client-Request-Id"), ["first"]);
    const second = await controlPlane.responseTo("req-notification");
    assert.deepEqual(valuesOf(second.request, "X-Tunnel-Shard-Token"), ["other token"]);
    assert.deepEqual(valuesOf(second.request, "X-Client-Request-Id"), []);
  });
});

test("a caller's request id that no header can carry is left out, and the answer delivered [P-8]", async (withAgent) => {
  await withAgent({}, async ({ controlPlane, timeline }) => {
    const bad = ["line\nbreak", "nul\u0000", "del\u007f"];
    controlPlane.deliver(
      ...bad.map((id, index) => callCommand(index, { headers: { "X-Request-Id": [id] } })),
    );
    for (const index of bad.keys()) {
      const { request } = await controlPlane.responseTo(`req-${index}`);
      assert.deepEqual(valuesOf(request, "X-Client-Request-Id"), []);
      assert.equal((await timeline.end(`req-${index}`)).outcome, "answered");
    }
  });
});

test("opaque tokens beyond ASCII go out as UTF-8 [P-8]", async (withAgent) => {
  await withAgent({}, async ({ controlPlane }) => {
    controlPlane.deliver(callCommand(1, { shardToken: "☃ é", headers: { "X-Request-Id": ["😀"] } }));
    const { request } = await controlPlane.responseTo("req-1");
    assert.deepEqual(valuesOf(request, "X-Tunnel-Shard-Token"), ["☃ é"]);
    assert.deepEqual(valuesOf(request, "X-Client-Request-Id"), ["😀"]);
  });
});

test("a shard token that no header can carry makes its command undeliverable, with a reason [P-128]", async (withAgent) => {
  await withAgent({}, async ({ controlPlane, timeline, log }) => {
    controlPlane.deliver(callCommand(1, { shardToken: `${SECRET}\nbreak` }), callCommand(2));
    await controlPlane.responseTo("req-2");
    const end = await timeline.end("req-1");
    assert.equal(end.outcome, "undeliverable");
    assert.equal(end.reason, "its shard token cannot be sent as a header");
    assert.equal(log.all("response could not be delivered").length, 1);
    assert.equal(controlPlane.posts.length, 1);
  });
});

for (const status of [301, 302, 303, 307, 308]) {
  test(`a redirect ${status} is an unexpected status and is not followed, on any call [P-32]`, async (withAgent) => {
    await withAgent({ start: false }, async ({ agent, controlPlane, changes, timeline, log }) => {
      const away = { status, headers: [["Location", `${controlPlane.url}/elsewhere`]] as const };
      controlPlane.metadataReply = away;
      controlPlane.replyToPolls(away);
      controlPlane.onPost = () => away;
      await agent.start();
      await changes.until("a failed poll", () => log.all("poll failed; backing off")[0]);
      controlPlane.deliver(callCommand(1));
      assert.equal((await timeline.end("req-1")).outcome, "undeliverable");
      assert.equal(controlPlane.posts.length, 1);
      await changes.until("the metadata failure", () => log.all("tunnel metadata fetch failed")[0]);
      assert.equal(log.one("tunnel metadata fetch failed").fields.status_code, status);
      assert(!controlPlane.requests.some((request) => request.target.includes("elsewhere")));
    });
  });
}

test("the time limit of a call covers its body too, and ends the call [P-29, P-30, P-44]", async (withAgent) => {
  const never = gate();
  const controlPlane = { pollTimeoutMs: 30, pollDeadlineGuardrailMs: 50 };
  await withAgent({ controlPlane, start: false }, async ({ agent, controlPlane, changes, log }) => {
    controlPlane.replyToPolls({ status: 200, body: '{"commands":[]}', bodyAfter: never.opened });
    await agent.start();
    await changes.until("the timeout", () => log.all("poll timed out; backing off")[0]);
    const { fields } = log.one("poll timed out; backing off");
    assert.deepEqual([fields.poll_timeout_ms, fields.poll_deadline_ms], [30, 80]);
    assert.equal(fields.error, "control plane did not finish poll within 80 ms");
  });
});

test("connections to the control plane are reused [P-192]", async (withAgent) => {
  await withAgent(
    { channels: [new ScriptedChannel({ onCall: answering })] },
    async ({ controlPlane, changes }) => {
      await changes.until("the metadata call", () => controlPlane.metadataCalls[0]?.reply);
      for (let id = 1; id <= 30; id++) {
        controlPlane.deliver(callCommand(id));
        await controlPlane.responseTo(`req-${id}`);
      }
      assert(controlPlane.connectionCount <= 4, `${controlPlane.connectionCount} connections for 60 calls`);
    },
  );
});

test("a reply body that never ends holds up neither the next command nor the stop [P-135, P-192]", async (withAgent) => {
  const never = gate();
  await withAgent({}, async ({ controlPlane, agent }) => {
    controlPlane.onPost = () => ({ status: 200, body: "x".repeat(10), bodyAfter: never.opened });
    controlPlane.deliver(callCommand(1), callCommand(2));
    await controlPlane.responseTo("req-1");
    await controlPlane.responseTo("req-2");
    controlPlane.finish();
    const startedAt = performance.now();
    const { outcomes } = await agent.drain(5_000);
    assert.equal(outcomes.answered, 2);
    assert(performance.now() - startedAt < 2_000);
    await Promise.all(controlPlane.posts.map(({ request }) => request.hungUp));
    assert(performance.now() - startedAt < 4_000, "a stop leaves no connection open");
  });
});

test("the answer of each command stays with it when many travel at once [P-81]", async (withAgent) => {
  const waiting: (() => void)[] = [];
  const channel = new ScriptedChannel({
    onCall: (call) => {
      call.observer?.sent();
      waiting.push(() => call.end(answer(call, { mine: call.request.message.id })));
    },
  });
  await withAgent({ channels: [channel], mcp: { maxConcurrentRequests: 25 } }, async ({ controlPlane }) => {
    const ids = Array.from({ length: 20 }, (_, index) => index + 1);
    controlPlane.deliver(...ids.map((id) => callCommand(id, { shardToken: `shard-${id}` })));
    await channel.nthCall(19);
    for (const end of waiting.reverse()) end();
    for (const id of ids) {
      const { body, shardToken } = await controlPlane.responseTo(`req-${id}`);
      assert.equal(shardToken, `shard-${id}`);
      assert.deepEqual([body.resp_json?.id, body.resp_json?.result], [id, { mine: id }]);
    }
  });
});
