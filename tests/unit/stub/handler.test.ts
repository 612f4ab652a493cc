import assert from "node:assert/strict";
import { createStubHandler, type StubHandler } from "../../../src/stub/mod.ts";

const BASE = "http://127.0.0.1:4711";
const BOTH = "application/json, text/event-stream";

async function withHandler(use: (handler: StubHandler) => Promise<void>): Promise<void> {
  const handler = createStubHandler({ name: "demo", version: "1.2.3" });
  try {
    await use(handler);
  } finally {
    await handler.close();
  }
}

function message(method: string, params: unknown, id?: number): string {
  return JSON.stringify({ jsonrpc: "2.0", ...(id === undefined ? {} : { id }), method, params });
}

function initialize(protocolVersion: string): string {
  return message("initialize", {
    protocolVersion,
    capabilities: {},
    clientInfo: { name: "tester", version: "1" },
  }, 1);
}

function post(body: string, headers: Record<string, string> = {}): Request {
  return new Request(`${BASE}/mcp`, {
    method: "POST",
    body,
    headers: { "Content-Type": "application/json", Accept: BOTH, ...headers },
  });
}

async function openSession(handler: StubHandler): Promise<string> {
  const response = await handler.fetch(post(initialize("2025-06-18")));
  await response.text();
  return response.headers.get("mcp-session-id")!;
}

for (const path of ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"]) {
  for (const method of ["GET", "POST", "PUT"]) {
    Deno.test(`${method} ${path} gives protected-resource metadata under the request's Host [SB-5, V-4]`, async () => {
      await withHandler(async (handler) => {
        const response = await handler.fetch(
          new Request(BASE + path, { method, headers: { Host: "demo.example:99" } }),
        );
        assert.equal(response.status, 200);
        assert.equal(response.headers.get("content-type"), "application/json");
        const text = await response.text();
        assert.match(text, /^\{\n {2}"resource"/);
        assert.deepEqual(JSON.parse(text), {
          resource: "http://demo.example:99/mcp",
          authorization_servers: ["http://demo.example:99"],
          scopes_supported: ["read", "write"],
        });
      });
    });
  }
}

Deno.test("authorization-server metadata names the endpoints of the request's origin [V-4]", async () => {
  await withHandler(async (handler) => {
    const response = await handler.fetch(new Request(`${BASE}/.well-known/oauth-authorization-server`));
    assert.deepEqual(await response.json(), {
      issuer: BASE,
      authorization_endpoint: `${BASE}/authorize`,
      token_endpoint: `${BASE}/token`,
      jwks_uri: `${BASE}/jwks`,
      registration_endpoint: `${BASE}/register`,
      response_types_supported: ["code"],
      grant_types_supported: ["authorization_code", "refresh_token"],
      token_endpoint_auth_methods_supported: ["none", "client_secret_post"],
      code_challenge_methods_supported: ["S256"],
    });
  });
});

Deno.test("the key set is empty [V-4]", async () => {
  await withHandler(async (handler) => {
    const response = await handler.fetch(new Request(`${BASE}/jwks`));
    assert.deepEqual(await response.json(), { keys: [] });
  });
});

for (const path of ["/", "/authorize", "/token", "/register", "/mcp/", "/mcp/x", "/MCP"]) {
  Deno.test(`${path} is not there [V-3]`, async () => {
    await withHandler(async (handler) => {
      const response = await handler.fetch(new Request(BASE + path, { method: "POST", body: "{}" }));
      assert.equal(response.status, 404);
      await response.text();
    });
  });
}

Deno.test("initialize opens a session, answers as an event stream and says what it can do [SB-6]", async () => {
  await withHandler(async (handler) => {
    const response = await handler.fetch(post(initialize("2025-11-25")));
    assert.equal(response.status, 200);
    assert.match(response.headers.get("content-type") ?? "", /^text\/event-stream/);
    assert.match(response.headers.get("mcp-session-id") ?? "", /^[0-9a-f-]{36}$/);
    const text = await response.text();
    assert.match(text, /^event: message\n/);
    const { result } = JSON.parse(/^data: (.*)$/m.exec(text)![1]!);
    assert.equal(result.protocolVersion, "2025-11-25");
    assert.deepEqual(result.serverInfo, { name: "demo", version: "1.2.3" });
    assert.deepEqual(result.capabilities, { logging: {}, tools: { listChanged: true } });
  });
});

const NEGOTIATED: ReadonlyArray<[asked: string, answered: string]> = [
  ["2024-11-05", "2024-11-05"],
  ["2025-03-26", "2025-03-26"],
  ["2025-06-18", "2025-06-18"],
  ["2025-11-25", "2025-11-25"],
  ["1999-01-01", "2025-06-18"],
];
for (const [asked, answered] of NEGOTIATED) {
  Deno.test(`initialize for ${asked} is answered with ${answered} [PB-3, SB-6]`, async () => {
    await withHandler(async (handler) => {
      const response = await handler.fetch(post(initialize(asked)));
      assert.match(await response.text(), new RegExp(`"protocolVersion":"${answered}"`));
    });
  });
}

Deno.test("only the initialize answer carries the session id; notifications get 202 [SB-6]", async () => {
  await withHandler(async (handler) => {
    const session = await openSession(handler);
    const headers = { "Mcp-Session-Id": session, "Mcp-Protocol-Version": "2025-06-18" };
    const notified = await handler.fetch(post(message("notifications/initialized", {}), headers));
    assert.equal(notified.status, 202);
    assert.equal(notified.headers.get("mcp-session-id"), null);
    const listed = await handler.fetch(post(message("tools/list", {}, 2), headers));
    assert.equal(listed.status, 200);
    assert.equal(listed.headers.get("mcp-session-id"), null);
    assert.match(await listed.text(), /"server_info"/);
  });
});

Deno.test("DELETE ends the session with 204, afterwards it is unknown [SB-6]", async () => {
  await withHandler(async (handler) => {
    const headers = { "Mcp-Session-Id": await openSession(handler) };
    const ended = await handler.fetch(new Request(`${BASE}/mcp`, { method: "DELETE", headers }));
    assert.equal(ended.status, 204);
    const late = await handler.fetch(post(message("ping", {}, 3), headers));
    assert.equal(late.status, 404);
    assert.match(await late.text(), /session not found/);
  });
});

Deno.test("GET opens a stream that stays until the session ends [SB-6]", async () => {
  await withHandler(async (handler) => {
    const headers = { "Mcp-Session-Id": await openSession(handler), Accept: "text/event-stream" };
    const response = await handler.fetch(new Request(`${BASE}/mcp`, { headers }));
    assert.equal(response.status, 200);
    const reader = response.body!.getReader();
    const end = reader.read();
    await handler.fetch(new Request(`${BASE}/mcp`, { method: "DELETE", headers }));
    assert.equal((await end).done, true);
  });
});

Deno.test("close() ends open streams", async () => {
  const handler = createStubHandler({ name: "demo", version: "1" });
  const headers = { "Mcp-Session-Id": await openSession(handler), Accept: "text/event-stream" };
  const response = await handler.fetch(new Request(`${BASE}/mcp`, { headers }));
  await handler.close();
  assert.equal(await response.text(), "");
});

interface Refusal {
  readonly what: string;
  readonly status: number;
  readonly request: () => Request;
  readonly body?: RegExp;
}
const REFUSALS: readonly Refusal[] = [
  {
    what: "a POST with a charset in Content-Type",
    status: 415,
    request: () => post(initialize("2025-06-18"), { "Content-Type": "application/json; charset=utf-8" }),
  },
  {
    what: "a POST of plain text",
    status: 415,
    request: () => post(initialize("2025-06-18"), { "Content-Type": "text/plain" }),
  },
  {
    what: "a POST that accepts only JSON",
    status: 400,
    request: () => post(initialize("2025-06-18"), { Accept: "application/json" }),
  },
  {
    what: "a POST that accepts only event streams",
    status: 400,
    request: () => post(initialize("2025-06-18"), { Accept: "text/event-stream" }),
  },
  { what: "a POST that is not JSON", status: 400, request: () => post("{"), body: /-32700/ },
  {
    what: "a call without session",
    status: 400,
    request: () => post(message("tools/list", {}, 1)),
    body: /Mcp-Session-Id/,
  },
  {
    what: "a call in an unknown session",
    status: 404,
    request: () => post(message("tools/list", {}, 1), { "Mcp-Session-Id": "nope" }),
    body: /session not found/,
  },
  {
    what: "a GET that does not accept event streams",
    status: 400,
    request: () => new Request(`${BASE}/mcp`, { headers: { "Mcp-Session-Id": "x", Accept: "text/html" } }),
  },
  {
    what: "a GET without session",
    status: 400,
    request: () => new Request(`${BASE}/mcp`, { headers: { Accept: "text/event-stream" } }),
  },
  {
    what: "a DELETE without session",
    status: 400,
    request: () => new Request(`${BASE}/mcp`, { method: "DELETE" }),
  },
  {
    what: "a request of another origin",
    status: 403,
    request: () => post(initialize("2025-06-18"), { Origin: "https://evil.example" }),
  },
  {
    what: "a request of an opaque origin",
    status: 403,
    request: () => post(initialize("2025-06-18"), { Origin: "null" }),
  },
  {
    what: "a cross-site request",
    status: 403,
    request: () => post(initialize("2025-06-18"), { "Sec-Fetch-Site": "cross-site" }),
  },
];
for (const { what, status, request, body } of REFUSALS) {
  Deno.test(`${what} is refused with ${status} [SB-6]`, async () => {
    await withHandler(async (handler) => {
      const response = await handler.fetch(request());
      assert.equal(response.status, status);
      assert.match(await response.text(), body ?? /./);
    });
  });
}

Deno.test("an unsupported Mcp-Protocol-Version is refused with 400 [SB-6]", async () => {
  await withHandler(async (handler) => {
    const headers = { "Mcp-Session-Id": await openSession(handler), "Mcp-Protocol-Version": "2001-01-01" };
    const response = await handler.fetch(post(message("tools/list", {}, 1), headers));
    assert.equal(response.status, 400);
    await response.text();
  });
});

for (const method of ["PUT", "PATCH", "OPTIONS"]) {
  Deno.test(`${method} /mcp is refused with 405 and the list of methods [SB-6]`, async () => {
    await withHandler(async (handler) => {
      const response = await handler.fetch(new Request(`${BASE}/mcp`, { method }));
      assert.equal(response.status, 405);
      assert.equal(response.headers.get("allow"), "GET, POST, DELETE");
      await response.text();
    });
  });
}

const WELCOME: readonly Record<string, string>[] = [
  { Origin: BASE },
  { "Sec-Fetch-Site": "same-origin" },
  { Accept: "*/*" },
];
for (const headers of WELCOME) {
  Deno.test(`initialize with ${JSON.stringify(headers)} is served [SB-6]`, async () => {
    await withHandler(async (handler) => {
      const response = await handler.fetch(post(initialize("2025-06-18"), headers));
      assert.equal(response.status, 200);
      await response.text();
    });
  });
}

Deno.test("the session unused for longest makes room for the 1001st", async () => {
  await withHandler(async (handler) => {
    const sessions: string[] = [];
    for (let count = 0; count < 1000; count++) sessions.push(await openSession(handler));
    const ping = async (session: string) => {
      const response = await handler.fetch(post(message("ping", {}, 1), { "Mcp-Session-Id": session }));
      await response.text();
      return response.status;
    };
    assert.equal(await ping(sessions[0]!), 200);
    const young = await openSession(handler);
    assert.equal(await ping(sessions[1]!), 404);
    assert.equal(await ping(sessions[0]!), 200);
    assert.equal(await ping(young), 200);
  });
});
