import assert from "node:assert/strict";
import { createRelay, RelayOptionsError } from "../../../src/relay/mod.ts";
import {
  errorOf,
  KEY,
  OTHER_KEY,
  OTHER_TUNNEL,
  recordingLog,
  request,
  TUNNEL,
  until,
} from "../../support/relay_harness.ts";
import { ADMIN_KEY, MANAGEMENT, NEW_KEY, withManagement } from "../../support/relay_management.ts";

const NOBODYS = "tunnel_99999999999999999999999999999999";

Deno.test("a tunnel is created, found, changed and deleted [P-143, P-144]", async () => {
  await withManagement({}, async (admin) => {
    const created = await admin.ask("POST", "", {
      name: "Wiki",
      description: " as typed ",
      organization_ids: ["org-1", "org-1", "org-2"],
      unheard_of: true,
    });
    assert.equal(created.status, 200);
    assert.match(created.headers.get("x-request-id") ?? "", /^req_/);
    const { id } = created.tunnel;
    assert.match(id, /^tunnel_[a-z0-9]{32}$/);
    const wiki = { id, name: "Wiki", description: " as typed ", organization_ids: ["org-1", "org-2"] };
    assert.deepEqual(created.tunnel, wiki);
    assert.deepEqual((await admin.ask("GET", `/${id}`)).tunnel, wiki);

    const renamed = await admin.ask("POST", `/${id}`, { name: "Wiki 2" });
    assert.deepEqual(renamed.tunnel, { ...wiki, name: "Wiki 2" }, "what is absent stays");
    const moved = await admin.ask("POST", `/${id}`, { organization_ids: [], workspace_ids: ["ws-1"] });
    const { organization_ids: _cleared, ...rest } = renamed.tunnel;
    assert.deepEqual(moved.tunnel, { ...rest, workspace_ids: ["ws-1"] }, "an empty list clears");

    assert.deepEqual((await admin.ask("DELETE", `/${id}`)).tunnel, moved.tunnel);
    for (const method of ["GET", "POST", "DELETE"]) {
      const gone = await admin.ask(method, `/${id}`, method === "POST" ? {} : undefined);
      assert.deepEqual([gone.status, gone.code], [404, "tunnel_not_found"], method);
    }
  });
});

Deno.test("only an admin key manages tunnels, and it serves none [CFG-151]", async () => {
  await withManagement({}, async (admin, harness) => {
    const calls = [["GET", ""], ["POST", ""], ["POST", `/${TUNNEL}`], ["DELETE", `/${TUNNEL}`]] as const;
    for (const [method, path] of calls) {
      const body = method === "POST" ? {} : undefined;
      for (const key of [KEY, NEW_KEY]) {
        const { status, code } = await admin.ask(method, path, body, key);
        assert.deepEqual([status, code], [403, "tunnel_management_permission_required"], `${method} ${path}`);
      }
      for (const key of ["", "wrong", `${ADMIN_KEY}x`]) {
        const { status, code, headers } = await admin.ask(method, path, body, key);
        assert.deepEqual([status, code], [401, "invalid_api_key"], `${method} ${path} ${key}`);
        assert.equal(headers.get("www-authenticate"), "Bearer");
      }
    }
    assert.equal((await admin.ask("GET", "", undefined, "admin-key-0")).status, 200, "an older admin key");
    const polled = await harness.poll({ key: ADMIN_KEY });
    assert.equal(polled.status, 401);
    assert.equal((await admin.ask("GET", `/${TUNNEL}`)).tunnel.name, "first");
    assert.equal((await admin.ask("GET", `/${TUNNEL}`, undefined, KEY)).tunnel.name, "first");
    assert.equal((await admin.ask("GET", `/${TUNNEL}`, undefined, OTHER_KEY)).status, 403);
  });
});

Deno.test("an agent that asks for its tunnel learns whom it belongs to [P-159, A-16]", async () => {
  await withManagement({}, async (admin) => {
    const { id } = await admin.create("mine", { workspace_ids: ["ws"], tenant_ids: ["t"] });
    const { tunnel, headers } = await admin.ask("GET", `/${id}`, undefined, NEW_KEY);
    assert.deepEqual(tunnel, { id, name: "mine", description: "", tenant_ids: ["t"], workspace_ids: ["ws"] });
    assert.match(headers.get("x-tunnel-relay-features") ?? "", /server-requests/);
  });
});

Deno.test("lists filter by organization, workspace and tenant, and come in pages", async () => {
  await withManagement({}, async (admin) => {
    const ids: string[] = [];
    for (const name of ["a", "b", "c"]) {
      ids.push((await admin.create(name, { organization_ids: ["org 1"], workspace_ids: [name] })).id);
    }
    const { id: tenant } = await admin.create("d", { tenant_ids: ["t"] });
    const listed = async (query: string) => {
      const { json } = await admin.ask("GET", query);
      return [json.tunnels.map(({ id }) => id), json.has_more, json.last_id];
    };
    assert.deepEqual(await listed(""), [[TUNNEL, OTHER_TUNNEL, ...ids, tenant], undefined, undefined]);
    assert.deepEqual(await listed("?organization_id=org+1"), [ids, undefined, undefined]);
    assert.deepEqual(await listed("?workspace_id=b"), [[ids[1]], undefined, undefined]);
    assert.deepEqual(await listed("?tenant_id=t"), [[tenant], undefined, undefined]);
    assert.deepEqual(await listed("?tenant_id=T"), [[], undefined, undefined]);
    const first = await listed("?organization_id=org%201&limit=2");
    assert.deepEqual(first, [ids.slice(0, 2), true, ids[1]]);
    assert.deepEqual(await listed(`?organization_id=org%201&limit=2&after=${ids[1]}`), [
      [ids[2]],
      undefined,
      undefined,
    ]);
    for (const query of ["?limit=0", "?limit=x", "?limit=1001", `?tenant_id=t&after=${ids[0]}`]) {
      const { status, code, param } = await admin.ask("GET", query);
      assert.deepEqual([status, code], [400, "invalid_parameter"], query);
      assert.equal(param, query.includes("after") ? "after" : "limit");
    }
  });
});

Deno.test("what makes no tunnel is refused, and changes nothing", async () => {
  await withManagement({}, async (admin) => {
    const many = Array.from({ length: 101 }, (_, at) => `org-${at}`);
    const cases: readonly (readonly [body: unknown, code: string, param: string | null])[] = [
      ["{", "invalid_json_payload", null],
      ["[]", "invalid_json_payload", null],
      ["", "invalid_json_payload", null],
      [{ name: " " }, "invalid_parameter", "name"],
      [{ name: 1 }, "invalid_parameter", "name"],
      [{ name: "n".repeat(257) }, "invalid_parameter", "name"],
      [{ name: "n", description: [] }, "invalid_parameter", "description"],
      [{ name: "n", organization_ids: "org" }, "invalid_parameter", "organization_ids"],
      [{ name: "n", workspace_ids: [1] }, "invalid_parameter", "workspace_ids"],
      [{ name: "n", tenant_ids: [" "] }, "invalid_parameter", "tenant_ids"],
      [{ name: "n", organization_ids: many }, "tunnel_principal_limit_exceeded", "organization_ids"],
    ];
    for (const [body, code, param] of cases) {
      for (const path of ["", `/${TUNNEL}`]) {
        const refused = await admin.ask("POST", path, body);
        assert.deepEqual([refused.status, refused.code, refused.param], [400, code, param], String(body));
      }
    }
    assert.deepEqual(
      [(await admin.ask("POST", "", {})).code, (await admin.ask("POST", "/nonsense", {})).code],
      ["invalid_parameter", "invalid_tunnel_id_format"],
    );
    assert.equal((await admin.ask("POST", "", `{"name":"${"n".repeat(1024 * 1024)}"}`)).status, 413);
    assert.equal((await admin.ask("GET")).json.tunnels.length, 2);
    assert.equal((await admin.ask("GET", `/${TUNNEL}`)).tunnel.name, "first");
  });
});

Deno.test("methods that the management API lacks are named with those it has", async () => {
  await withManagement({}, async (admin) => {
    const ask = async (method: string, path: string) => {
      const { status, headers } = await admin.ask(method, path);
      return [status, headers.get("allow")];
    };
    assert.deepEqual(await ask("PUT", ""), [405, "GET, POST"]);
    assert.deepEqual(await ask("PUT", `/${TUNNEL}`), [405, "GET, POST, DELETE"]);
    const head = await fetch(`${admin.url}/v1/tunnels`, {
      method: "HEAD",
      headers: { Authorization: `Bearer ${ADMIN_KEY}` },
    });
    assert.equal(head.status, 200);
    assert.equal(
      (await fetch(`${admin.url}/v1/tunnels`, { method: "PUT" }).then(errorOf)).code,
      "invalid_api_key",
    );
  });
});

Deno.test("a relay serves at most 1000 tunnels", async () => {
  const tunnels = Array.from({ length: 999 }, (_, at) => ({ id: `t${at}`, apiKeys: [KEY] }));
  await withManagement({ tunnels }, async (admin) => {
    const replies = await Promise.all([1, 2, 3].map((at) => admin.ask("POST", "", { name: `n${at}` })));
    assert.deepEqual(replies.map(({ status }) => status).sort(), [200, 409, 409]);
    assert.equal(replies.find(({ status }) => status === 409)?.code, "tunnel_limit_exceeded");
    assert.equal((await admin.ask("DELETE", "/t0")).status, 200);
    assert.equal((await admin.ask("POST", "", { name: "again" })).status, 200);
  });
});

Deno.test("a created tunnel carries calls at once; deleting it ends its polls and its calls", async () => {
  await withManagement({ tunnels: [] }, async (admin, harness) => {
    const early = await harness.poll({ tunnel: NOBODYS, key: NEW_KEY });
    assert.equal(early.status, 404, "an agent may come before its tunnel");
    assert.equal(JSON.parse(early.text).error.code, "tunnel_not_found");
    const { id } = await admin.create("new");
    const agent = { tunnel: id, key: NEW_KEY };
    await harness.introduceAgent(id, NEW_KEY);
    const answer = harness.call(request(1), { tunnel: id });
    const command = await harness.nextCommand(agent);
    const body = JSON.stringify({
      request_id: command.request_id,
      resp_json: { jsonrpc: "2.0", id: 1, result: { ok: true } },
      resp_code: 200,
    });
    assert.equal((await harness.post(body, command.shard_token, agent)).status, 200);
    assert.deepEqual(((await (await answer).json()) as { result: unknown }).result, { ok: true });

    const taken = harness.call(request(2), { tunnel: id });
    const open = await harness.nextCommand(agent);
    const poll = harness.poll({ ...agent, timeoutMs: 60_000, channels: ["other"] });
    await until(() => harness.counts(id).openPolls === 1, "poll open");
    const queued = harness.call(request(3), { tunnel: id });
    await until(() => harness.counts(id).queued === 1, "call queued");
    assert.equal((await admin.ask("DELETE", `/${id}`)).status, 200);

    assert.equal((await poll).status, 204);
    for (const call of [taken, queued]) {
      const response = await call;
      assert.deepEqual([response.status, (await errorOf(response)).code], [404, "tunnel_not_found"]);
    }
    assert.equal((await harness.post("{}", open.shard_token, agent)).status, 404);
    const again = await harness.poll(agent);
    assert.deepEqual([again.status, JSON.parse(again.text).error.code], [404, "tunnel_not_found"]);
    assert.equal((await errorOf(await harness.call(request(4), { tunnel: id }))).code, "not_found");
    assert.throws(() => harness.counts(id), /no tunnel/);
  });
});

Deno.test("a relay without admin keys has no management API [P-158]", async () => {
  await withManagement({ management: undefined }, async (admin) => {
    for (const [method, path] of [["POST", `/${TUNNEL}`], ["DELETE", `/${TUNNEL}`]] as const) {
      assert.equal((await admin.ask(method, path, undefined, KEY)).status, 405);
      assert.equal((await admin.ask(method, path, undefined, ADMIN_KEY)).status, 401);
    }
    assert.equal((await admin.ask("GET", "", undefined, KEY)).status, 404);
  });
});

Deno.test("management needs keys, and connector keys where other machines can reach the relay", async () => {
  const log = recordingLog([]);
  for (const change of [{ adminKeys: [] }, { adminKeys: [""] }, { apiKeys: [] }]) {
    assert.throws(
      () => createRelay({ tunnels: [], management: { ...MANAGEMENT, ...change } }, log),
      RelayOptionsError,
    );
  }
  assert.throws(() => createRelay({ tunnels: [] }, log), /at least one tunnel/);
  const open = createRelay({ tunnels: [], management: MANAGEMENT }, log);
  await assert.rejects(open.listen({ hostname: "0.0.0.0", port: 0 }), /would have no connector key/);
  await open.stop();
  const closed = createRelay({ tunnels: [], management: { ...MANAGEMENT, connectorKeys: ["c"] } }, log);
  const address = await closed.listen({ hostname: "0.0.0.0", port: 0 });
  assert.ok(address.transport === "tcp");
  const url = `http://127.0.0.1:${new URL(address.url).port}`;
  const created = await fetch(`${url}/v1/tunnels`, {
    method: "POST",
    headers: { Authorization: `Bearer ${ADMIN_KEY}` },
    body: '{"name":"n"}',
  });
  const { id } = await created.json() as { id: string };
  const called = await fetch(`${url}/v1/mcp/${id}`, { method: "POST", body: request(1) });
  assert.deepEqual([called.status, (await errorOf(called)).code], [401, "invalid_connector_key"]);
  await closed.stop();
});

Deno.test("pages of a browser cannot manage a relay on loopback", async () => {
  await withManagement({}, async (admin) => {
    const response = await fetch(`${admin.url}/v1/tunnels/${TUNNEL}`, {
      method: "DELETE",
      headers: { Authorization: `Bearer ${ADMIN_KEY}`, Origin: "https://evil.example" },
    });
    assert.deepEqual([response.status, (await errorOf(response)).code], [403, "forbidden_origin"]);
  });
});
