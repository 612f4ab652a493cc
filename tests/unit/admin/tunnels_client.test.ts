import assert from "node:assert/strict";
import { AdminError, failureDocument, TunnelsClient } from "../../../src/admin/mod.ts";
import { createRouteClient, DIRECT_ROUTE } from "../../../src/net/mod.ts";
import { type AdminFailureDocument } from "../../../src/admin/mod.ts";
import { AdminService, type Answer, reply } from "../../support/admin_service.ts";

const KEY = "sk-admin-secret";

/** Runs a test against a control plane with these answers. */
async function withTunnels(
  answers: readonly Answer[],
  test: (tunnels: TunnelsClient, service: AdminService) => Promise<void>,
  options: { readonly prefix?: string; readonly limitMs?: number } = {},
): Promise<void> {
  await using service = new AdminService(answers);
  const client = createRouteClient(DIRECT_ROUTE);
  try {
    await test(
      new TunnelsClient({ origin: service.origin, prefix: "", key: KEY, client, ...options }),
      service,
    );
  } finally {
    client.close();
  }
}

/** The failure of one call, as `--json` tells it. */
async function failure(work: Promise<unknown>): Promise<AdminFailureDocument["error"]> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof AdminError, String(error));
    assert.ok(!error.message.includes(KEY));
    return failureDocument(error).error;
  }
  assert.fail("did not fail");
}

async function failureFor(
  answer: Answer,
  call: (tunnels: TunnelsClient) => Promise<unknown> = (t) => t.get("t1"),
) {
  let document: AdminFailureDocument["error"] | undefined;
  await withTunnels([answer], async (tunnels) => {
    document = await failure(call(tunnels));
  });
  return document!;
}

Deno.test("every operation makes the published request [P-143]", async () => {
  await withTunnels([reply({})], async (tunnels, { arrivals }) => {
    await tunnels.create({ name: " N ", description: " D ", organizationIds: [], workspaceIds: ["w"] });
    await tunnels.create({ name: "N", description: "D", organizationIds: ["o"], workspaceIds: [] });
    await tunnels.get("a b/c");
    await tunnels.list({ param: "workspace_id", id: "w s&x" }, { after: "" });
    await tunnels.update("t", { name: "n", organizationIds: [] });
    await tunnels.update("t", { description: "", workspaceIds: ["w"] });
    await tunnels.delete("t");
    assert.deepEqual(arrivals.map(({ method, target, body }) => [method, target, body]), [
      ["POST", "/gw/v1/tunnels", '{"name":" N ","description":" D ","workspace_ids":["w"]}'],
      ["POST", "/gw/v1/tunnels", '{"name":"N","description":"D","organization_ids":["o"]}'],
      ["GET", "/gw/v1/tunnels/a%20b%2Fc", ""],
      ["GET", "/gw/v1/tunnels?workspace_id=w+s%26x", ""],
      ["POST", "/gw/v1/tunnels/t", '{"name":"n","organization_ids":[]}'],
      ["POST", "/gw/v1/tunnels/t", '{"description":"","workspace_ids":["w"]}'],
      ["DELETE", "/gw/v1/tunnels/t", ""],
    ]);
    for (const { method, headers } of arrivals) {
      assert.equal(headers.get("authorization"), `Bearer ${KEY}`);
      assert.equal(headers.get("accept"), "application/json");
      assert.match(headers.get("user-agent") ?? "", /^deno-tunnel-client\/\d/);
      assert.equal(headers.get("x-tunnel-client-name"), "deno-tunnel-client");
      assert.match(headers.get("x-tunnel-client-version") ?? "", /^\d/);
      assert.match(headers.get("x-tunnel-client-instance-id") ?? "", /^[0-9a-f]{32}$/);
      assert.equal(headers.get("content-type"), method === "POST" ? "application/json" : null);
      for (const absent of ["openai-organization", "x-tunnel-mcp-server-info"]) {
        assert.equal(headers.get(absent), null);
      }
    }
    assert.equal(new Set(arrivals.map(({ headers }) => headers.get("x-tunnel-client-instance-id"))).size, 1);
  }, { prefix: "/gw" });
});

Deno.test("a tunnel has the known members in their order, and the request id of its reply [A-13, P-144]", async () => {
  const body = {
    organization_ids: ["o", 1],
    object: "tunnel",
    workspace_ids: [],
    tenant_ids: ["t"],
    creator: "me",
    description: 7,
    name: "N",
    id: "t1",
    request_id: "not this one",
  };
  await withTunnels([reply(body, 201, { "X-Request-Id": "req_1" })], async (tunnels) => {
    assert.equal(
      JSON.stringify(await tunnels.get("t1")),
      '{"id":"t1","name":"N","description":"","creator":"me","tenant_ids":["t"],"organization_ids":["o"],"request_id":"req_1"}',
    );
  });
  await withTunnels([new Response(null, { status: 204 })], async (tunnels) => {
    assert.deepEqual(await tunnels.delete("t1"), { id: "", name: "", description: "" });
  });
});

Deno.test("a list is one request where the service knows no pages [A-11]", async () => {
  const tunnels = [{ id: "t1", name: "a" }, "no tunnel", { id: "t2" }];
  await withTunnels([reply({ tunnels }, 200, { "x-request-id": "req_9" })], async (client, { arrivals }) => {
    assert.deepEqual(await client.list({ param: "tenant_id", id: "t" }, { after: "" }), {
      tunnels: [{ id: "t1", name: "a", description: "" }, { id: "t2", name: "", description: "" }],
      request_id: "req_9",
    });
    assert.equal(arrivals.length, 1);
  });
  await withTunnels([reply({})], async (client) => {
    assert.deepEqual(await client.list({ param: "tenant_id", id: "t" }, { after: "" }), { tunnels: [] });
  });
});

/** A service with pages of two. */
function paged(count: number): Answer {
  const all = Array.from({ length: count }, (_, at) => ({ id: `t${at}`, name: "", description: "" }));
  return ({ target }) => {
    const params = new URL(target, "http://h").searchParams;
    const start = all.findIndex(({ id }) => id === params.get("after")) + 1;
    const size = Math.min(2, Number(params.get("limit") ?? 2));
    const tunnels = all.slice(start, start + size);
    return reply({
      tunnels,
      ...(start + size < count ? { has_more: true, last_id: tunnels.at(-1)?.id } : {}),
    });
  };
}

Deno.test("list() fetches all pages, or as many as it takes to reach the limit", async () => {
  const cases = [
    [{ after: "" }, ["t0", "t1", "t2", "t3", "t4"], undefined, 3],
    [{ after: "t1" }, ["t2", "t3", "t4"], undefined, 2],
    [{ after: "", limit: 1 }, ["t0"], "t0", 1],
    [{ after: "", limit: 3 }, ["t0", "t1", "t2"], "t2", 2],
    [{ after: "", limit: 5 }, ["t0", "t1", "t2", "t3", "t4"], undefined, 3],
    [{ after: "t2", limit: 200 }, ["t3", "t4"], undefined, 1],
  ] as const;
  for (const [range, ids, lastId, requests] of cases) {
    await withTunnels([paged(5)], async (client, { arrivals }) => {
      const list = await client.list({ param: "organization_id", id: "o" }, range);
      assert.deepEqual(list.tunnels.map(({ id }) => id), ids);
      assert.deepEqual(
        [list.has_more, list.last_id],
        lastId === undefined ? [undefined, undefined] : [true, lastId],
      );
      assert.equal(arrivals.length, requests);
      const params = new URL(arrivals[0]!.target, "http://h").searchParams;
      const limit = "limit" in range ? String(Math.min(range.limit, 100)) : null;
      assert.deepEqual([params.get("limit"), params.get("after") ?? ""], [limit, range.after]);
    });
  }
});

Deno.test("list() cuts what a service without pages brings, and does not turn in circles", async () => {
  const tunnels = ["t1", "t2", "t3"].map((id) => ({ id }));
  await withTunnels([reply({ tunnels })], async (client) => {
    const list = await client.list({ param: "tenant_id", id: "t" }, { after: "", limit: 2 });
    assert.deepEqual([list.tunnels.length, list.has_more, list.last_id], [2, true, "t2"]);
  });
  const { message } = await failureFor(
    reply({ tunnels, has_more: true }),
    (client) => client.list({ param: "tenant_id", id: "t" }, { after: "" }),
  );
  assert.match(message, /repeats the same page/);
});

Deno.test("a refusal is told with its code, its cause and what to do about it [A-17, A-18, A-21]", async () => {
  const error = {
    message: "No.",
    type: "permission_error",
    code: "tunnel_management_permission_required",
    param: null,
  };
  const document = await failureFor(reply({ error }, 403, { "X-Request-Id": "req_7" }));
  const mitigation = document.mitigation ?? "";
  assert.match(mitigation, /Read and Manage/);
  assert.deepEqual(document, {
    message: "request GET /v1/tunnels/t1 failed: 403 tunnel_management_permission_required: No. " +
      `mitigation: ${mitigation} (x-request-id: req_7)`,
    method: "GET",
    path: "/v1/tunnels/t1",
    status_code: 403,
    request_id: "req_7",
    code: "tunnel_management_permission_required",
    type: "permission_error",
    mitigation,
  });
});

Deno.test("refusals of every shape are told [A-17]", async () => {
  const long = "m".repeat(3000);
  const table: readonly (readonly [body: string, said: string])[] = [
    ["", ""],
    ['{"message":"m","code":"c","type":"t"}', " c: m"],
    ['{"detail":"d"}', " d"],
    ['{"detail":[{"msg":"x"}]}', ' [{"msg":"x"}]'],
    ["<html>no</html>\n", " <html>no</html>"],
    [`{"error":{"message":"${long}"}}`, ` ${long}`],
    [`{"error":"${"x".repeat(5000)}"}`, ` {"error":"${"x".repeat(4096 - 10)}`],
    [`${KEY} is no key`, " [key] is no key"],
    ['{"message":"line\\nbreak \\u001b[31mred\\u009b"}', " line break  [31mred"],
  ];
  for (const [body, said] of table) {
    const { message, status_code, code } = await failureFor(reply(body, 500));
    assert.equal(message, `request GET /v1/tunnels/t1 failed: 500${said}`);
    assert.deepEqual([status_code, code], [500, body.includes('"c"') ? "c" : undefined]);
  }
});

Deno.test("a delete that the service does not know is told as such [A-19]", async () => {
  const answer = reply({
    error: { message: "Invalid URL (DELETE /v1/tunnels/t1)", type: "invalid_request_error" },
  }, 404);
  const { message } = await failureFor(answer, (tunnels) => tunnels.delete("t1"));
  assert.match(
    message,
    /404 delete is not exposed on this control-plane base URL yet; .*Invalid URL \(DELETE/,
  );
  assert.doesNotMatch((await failureFor(answer)).message, /not exposed/);
});

Deno.test("a success that is no JSON object is a failure", async () => {
  for (const body of ["<html>", "[]", "null", '"x"']) {
    const { message, status_code } = await failureFor(reply(body));
    assert.match(
      message,
      /failed: 200 with a body that is no JSON object; is http:\/\/127\.0\.0\.1:\d+ a control plane\?/,
    );
    assert.equal(status_code, 200);
  }
});

Deno.test("redirects are followed within the origin, and nobody else gets the key", async () => {
  const moved = (location: string, status: number) => new Response(null, { status, headers: { location } });
  await withTunnels(
    [moved("/new?x=1", 301), moved("newer", 308), reply({ id: "t1" })],
    async (tunnels, service) => {
      assert.equal((await tunnels.get("t1")).id, "t1");
      assert.deepEqual(service.arrivals.map(({ target }) => target), [
        "/v1/tunnels/t1",
        "/new?x=1",
        "/newer",
      ]);
    },
  );
  await withTunnels([moved("/new", 307), reply({ id: "t1" })], async (tunnels, service) => {
    await tunnels.update("t1", { name: "n" });
    assert.deepEqual(service.arrivals[1]?.body, '{"name":"n"}');
    assert.equal(service.arrivals[1]?.method, "POST");
  });
  await using elsewhere = new AdminService([reply({})]);
  const away = await failureFor(moved(`${elsewhere.origin}/secret-path`, 302));
  assert.match(
    away.message,
    /failed: 302 redirects to http:\/\/127\.0\.0\.1:\d+, which does not get the key/,
  );
  assert.doesNotMatch(away.message, /secret-path/);
  assert.equal(elsewhere.arrivals.length, 0);
  const post = await failureFor(moved("/new", 302), (tunnels) => tunnels.update("t1", { name: "n" }));
  assert.match(post.message, /would not be a POST any more/);
  assert.match((await failureFor(moved("/again", 307))).message, /more than 10 redirects/);
});

Deno.test("no answer within the limit, and no connection, are told with the origin only [P-143]", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  await withTunnels([async () => {
    await promise;
    return reply({});
  }], async (tunnels) => {
    const slow = await failure(tunnels.get("t1"));
    assert.deepEqual(slow, { message: "request GET /v1/tunnels/t1 failed: no answer within 0.05 s" });
    resolve();
  }, { limitMs: 50 });
  const closed = new AdminService([reply({})]);
  await closed[Symbol.asyncDispose]();
  const client = createRouteClient(DIRECT_ROUTE);
  const { origin } = closed;
  const gone = await failure(new TunnelsClient({ origin, prefix: "/p", key: KEY, client }).get("t1"));
  client.close();
  assert.deepEqual(gone, {
    message:
      `request GET /p/v1/tunnels/t1 failed: ${origin}: connection refused; check that it runs and listens on this port`,
  });
});
