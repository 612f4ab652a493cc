import assert from "node:assert/strict";
import { join } from "node:path";
import {
  errorOf,
  FEATURES,
  KEY,
  OTHER_KEY,
  OTHER_TUNNEL,
  RawConnection,
  recordingLog,
  RelayHarness,
  request,
  TUNNEL,
  until,
} from "../support/relay_harness.ts";
import { createRelay, RelayOptionsError, SocketPathError } from "../../src/relay/mod.ts";

const options = { tunnels: [{ id: TUNNEL, apiKeys: [KEY] }] };

Deno.test("every listener of a relay serves the same routes, the Unix ingress included [P-157]", async () => {
  const directory = await Deno.makeTempDir();
  const relay = createRelay(options, recordingLog([]));
  try {
    const path = join(directory, "new", "parents", "ingress.sock");
    const tcp = await relay.listen({ hostname: "127.0.0.1", port: 0 });
    const unix = await relay.listen({ path });
    assert.deepEqual(unix, { transport: "unix", path });
    assert.equal((await Deno.stat(join(directory, "new"))).mode! & 0o777, 0o755);
    assert.ok(tcp.transport === "tcp");
    const overTcp = await fetch(`${tcp.url}/readyz`);
    assert.deepEqual([overTcp.status, await overTcp.json()], [200, { status: "ok" }]);

    const conn = await Deno.connect({ transport: "unix", path });
    await conn.write(new TextEncoder().encode("GET /readyz HTTP/1.1\r\nHost: anything.example\r\n\r\n"));
    const buffer = new Uint8Array(4096);
    const text = new TextDecoder().decode(buffer.subarray(0, await conn.read(buffer) ?? 0));
    conn.close();
    assert.match(text, /^HTTP\/1\.1 200 .*\{"status":"ok"\}$/s);
  } finally {
    await relay.stop();
    const left = await Array.fromAsync(Deno.readDir(join(directory, "new", "parents")));
    assert.deepEqual(left, [], "the socket file is removed");
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("listen() refuses an existing path for the Unix ingress and leaves it alone [P-157]", async () => {
  const path = await Deno.makeTempFile();
  const relay = createRelay(options, recordingLog([]));
  try {
    await assert.rejects(relay.listen({ path }), SocketPathError);
    assert.ok((await Deno.stat(path)).isFile);
  } finally {
    await relay.stop();
    await Deno.remove(path);
  }
});

Deno.test("stop() ends open polls and connector requests in under a second, and again is harmless [P-157]", async () => {
  await RelayHarness.with({}, async (harness) => {
    const poll = harness.poll({ timeoutMs: 60_000 }).then(() => "answered", () => "broken");
    await until(() => harness.counts().openPolls === 1, "poll open");
    const taken = harness.call(request(1)).then((response) => response.body?.cancel(), () => {});
    await until(() => harness.counts().inFlight === 1, "first call delivered");
    const queued = harness.call(request(2)).then((response) => response.body?.cancel(), () => {});
    await until(() => harness.counts().queued === 1, "second call queued");
    const started = performance.now();
    await harness.relay.stop();
    await Promise.all([poll, taken, queued]);
    assert.ok(performance.now() - started < 1_000);
    const counts = harness.counts();
    assert.deepEqual([counts.received, counts.stopped, counts.queued, counts.inFlight], [2, 2, 0, 0]);
    await harness.relay.stop();
    await assert.rejects(fetch(`${harness.url}/readyz`));
  });
});

Deno.test("unknown paths, tunnels, further segments and invalid channel names are 404 [P-157]", async () => {
  await RelayHarness.with({}, async (harness) => {
    for (
      const path of [
        "/",
        "/v1",
        "/v1/mcp",
        "/v1/mcp/tunnel_99999999999999999999999999999999",
        `/v1/mcp/${TUNNEL}/main/more`,
        `/v1/mcp/${TUNNEL}/no%20channel`,
        "/.well-known/oauth-protected-resource",
        `/.well-known/oauth-protected-resource/v1/mcp/${TUNNEL}/main`,
        "/.well-known/oauth-protected-resource/v1/mcp/tunnel_99999999999999999999999999999999",
      ]
    ) {
      const posted = await fetch(harness.url + path, { method: "POST", body: request() });
      assert.equal(posted.status, 404, `POST ${path}`);
      assert.equal((await errorOf(posted)).code, "not_found");
      const got = await fetch(harness.url + path);
      assert.equal(got.status, 404, `GET ${path}`);
      assert.match(got.headers.get("x-request-id") ?? "", /^req_/);
      await got.body?.cancel();
    }
  });
});

Deno.test("agent routes look at the key before path and method [P-158]", async () => {
  await RelayHarness.with({}, async (harness) => {
    const ask = async (path: string, method: string, authorization?: string) => {
      const response = await fetch(harness.url + path, {
        method,
        headers: authorization === undefined ? {} : { Authorization: authorization },
      });
      const body = response.status === 204 || response.status === 200
        ? (await response.text(), "")
        : (await errorOf(response)).code;
      return [response.status, body];
    };
    const good = `Bearer ${KEY}`;
    for (
      const bad of [
        undefined,
        "",
        KEY,
        "Bearer",
        `bearer ${KEY}`,
        `Bearer ${KEY}x`,
        `Bearer ${KEY} more`,
        "Basic eDp5",
      ]
    ) {
      for (
        const path of [
          `/v1/tunnels/${TUNNEL}/poll`,
          `/v1/tunnels/${TUNNEL}/nothing`,
          "/v1/tunnels/x/y/z",
          "/v1/tunnels",
        ]
      ) {
        for (const method of ["GET", "PUT"]) {
          assert.deepEqual(
            await ask(path, method, bad),
            [401, "invalid_api_key"],
            `${method} ${path} ${bad}`,
          );
        }
      }
    }
    assert.deepEqual(await ask(`/v1/tunnels/${TUNNEL}/nothing`, "GET", good), [404, "not_found"]);
    assert.deepEqual(await ask(`/v1/tunnels/${TUNNEL}/poll`, "PUT", good), [405, "method_not_allowed"]);
    assert.deepEqual(await ask(`/v1/tunnels/${TUNNEL}/response`, "GET", good), [405, "method_not_allowed"]);
    assert.deepEqual(await ask(`/v1/tunnels/${TUNNEL}`, "POST", good), [405, "method_not_allowed"]);
    assert.deepEqual(await ask(`/v1/tunnels/${TUNNEL}/poll?timeout_ms=1`, "GET", good), [204, ""]);
  });
});

Deno.test("a key is good for its own tunnels only, and ids that nobody serves are told apart [P-158]", async () => {
  await RelayHarness.with({}, async (harness) => {
    const ask = async (tunnel: string, route: string, key: string) => {
      const response = await fetch(`${harness.url}/v1/tunnels/${tunnel}${route}`, {
        headers: { Authorization: `Bearer ${key}` },
      });
      return [response.status, (await errorOf(response)).code];
    };
    assert.deepEqual(await ask(OTHER_TUNNEL, "/poll", KEY), [401, "tunnel_use_forbidden"]);
    assert.deepEqual(await ask(OTHER_TUNNEL, "", KEY), [403, "tunnel_use_forbidden"]);
    assert.deepEqual(await ask("tunnel_99999999999999999999999999999999", "/poll", KEY), [
      404,
      "tunnel_not_found",
    ]);
    assert.deepEqual(await ask("tunnel_SHORT", "/poll", KEY), [400, "invalid_tunnel_id_format"]);
  });
});

Deno.test("a refused agent is told the scheme of the key it should send [P-158]", async () => {
  await RelayHarness.with({}, async (harness) => {
    const response = await fetch(`${harness.url}/v1/tunnels/${TUNNEL}`);
    assert.equal(response.headers.get("www-authenticate"), "Bearer");
    const error = await errorOf(response);
    assert.deepEqual(Object.keys(error), ["message", "type", "param", "code"]);
    assert.deepEqual([error.type, error.param], ["authentication_error", null]);
    assert.ok(!JSON.stringify(error).includes(KEY));
  });
});

Deno.test("each key of a tunnel is accepted, so that keys can be changed [P-158]", async () => {
  const tunnels = [{ id: TUNNEL, apiKeys: ["old-key", "new-key"] }];
  await RelayHarness.with({ tunnels }, async (harness) => {
    assert.equal((await harness.poll({ key: "old-key" })).status, 204);
    assert.equal((await harness.poll({ key: "new-key" })).status, 204);
    assert.equal((await harness.poll({ key: "old-key2" })).status, 401);
  });
});

Deno.test("metadata is id, name and description as texts, and says what the relay can do [P-159]", async () => {
  await RelayHarness.with({}, async (harness) => {
    const get = (tunnel: string, key: string) =>
      fetch(`${harness.url}/v1/tunnels/${tunnel}`, { headers: { Authorization: `Bearer ${key}` } });
    const first = await get(TUNNEL, KEY);
    assert.deepEqual(await first.json(), { id: TUNNEL, name: "first", description: "for tests" });
    assert.equal(first.headers.get("content-type"), "application/json");
    assert.equal(first.headers.get("x-tunnel-relay-features"), FEATURES);
    const second = await get(OTHER_TUNNEL, OTHER_KEY);
    assert.deepEqual(await second.json(), { id: OTHER_TUNNEL, name: OTHER_TUNNEL, description: "" });
  });
});

Deno.test("every reply carries an X-Request-Id of its own [P-165]", async () => {
  await RelayHarness.with({}, async (harness) => {
    const seen: string[] = [];
    const note = (headers: Headers) => seen.push(headers.get("x-request-id") ?? "");
    note((await harness.poll()).headers);
    const answer = harness.call(request());
    const polled = await harness.poll({ timeoutMs: 5_000 });
    note(polled.headers);
    note((await harness.respond(polled.commands[0]!)).headers);
    note((await harness.respond(polled.commands[0]!)).headers);
    const response = await answer;
    await response.body?.cancel();
    note(response.headers);
    for (const path of ["/readyz", "/healthz", "/metrics", "/nothing", "/v1/tunnels"]) {
      const reply = await fetch(harness.url + path);
      await reply.body?.cancel();
      note(reply.headers);
    }
    assert.ok(!seen.includes(""));
    assert.equal(new Set(seen).size, seen.length);
    assert.equal(
      response.headers.get("x-request-id"),
      polled.commands[0]!.request_id,
      "the connector learns the command's id",
    );
  });
});

Deno.test("the ingress takes POST and DELETE and says so for all else [P-177]", async () => {
  await RelayHarness.with({}, async (harness) => {
    for (const path of [`/v1/mcp/${TUNNEL}`, `/v1/mcp/${TUNNEL}/Extra`]) {
      for (const method of ["GET", "PUT", "PATCH", "OPTIONS", "HEAD"]) {
        const response = await fetch(harness.url + path, { method });
        assert.equal(response.status, 405, `${method} ${path}`);
        assert.equal(response.headers.get("allow"), "POST, DELETE");
        await response.body?.cancel();
      }
    }
  });
});

Deno.test("a HEAD request never takes commands out of the queue [P-161]", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const answer = harness.call(request());
    await until(() => harness.counts().queued === 1, "call queued");
    const head = await fetch(`${harness.url}/v1/tunnels/${TUNNEL}/poll?limit=1&timeout_ms=1`, {
      method: "HEAD",
      headers: { Authorization: `Bearer ${KEY}` },
    });
    assert.equal(head.status, 405);
    await harness.respond(await harness.nextCommand());
    assert.equal((await answer).status, 200);
    await (await answer).body?.cancel();
  });
});

Deno.test("a loopback listener accepts loopback and configured Host names only, against DNS rebinding", async () => {
  await RelayHarness.with(
    { allowedHosts: ["relay.test"], publicBaseUrl: "https://public.example/base" },
    async (harness) => {
      const status = async (host: string) => {
        const raw = await RawConnection.to(
          harness.port,
          `GET /readyz HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
        );
        const text = await raw.readUntil();
        raw.close();
        return Number(text.slice(9, 12));
      };
      for (
        const good of [
          "127.0.0.1",
          `127.0.0.1:${harness.port}`,
          "localhost:1",
          "LOCALHOST",
          "a.localhost",
          "[::1]:80",
          "127.9.9.9",
          "relay.test",
          "Relay.Test:99",
          "public.example",
          "localhost.",
        ]
      ) assert.equal(await status(good), 200, good);
      for (
        const bad of [
          "evil.example",
          "127.0.0.1.evil.example",
          "localhost.evil.example",
          "10.0.0.1",
          "[::2]",
          "relay.test.evil",
          "evil-localhost",
        ]
      ) assert.equal(await status(bad), 403, bad);
    },
  );
});

Deno.test("a loopback listener refuses pages of other origins and takes those of its own", async () => {
  await RelayHarness.with({ allowedHosts: ["relay.test"] }, async (harness) => {
    const status = async (origin: string) => {
      const response = await harness.call("not json", { headers: { Origin: origin } });
      const { code } = await errorOf(response);
      return [response.status, code];
    };
    for (
      const good of ["http://localhost:6274", "http://127.0.0.1:1", "https://[::1]:3", "http://relay.test"]
    ) {
      assert.deepEqual(await status(good), [400, "invalid_json_payload"], good);
    }
    for (
      const bad of [
        "null",
        "https://evil.example",
        "http://127.0.0.1.evil.example",
        "file://localhost",
        "http://localhost@evil.example",
      ]
    ) {
      assert.deepEqual(await status(bad), [403, "forbidden_origin"], bad);
    }
  });
});

Deno.test("beyond loopback the relay does not start while a tunnel lacks a connector key", async () => {
  const bare = createRelay(options, recordingLog([]));
  await assert.rejects(bare.listen({ hostname: "0.0.0.0", port: 0 }), (error: Error) => {
    assert.ok(error instanceof RelayOptionsError);
    assert.match(error.message, /no connector key.*0\.0\.0\.0/);
    return true;
  });
  await bare.stop();
  const keyed = createRelay(
    { tunnels: [{ id: TUNNEL, apiKeys: [KEY], connectorKeys: ["c-key"] }] },
    recordingLog([]),
  );
  const address = await keyed.listen({ hostname: "0.0.0.0", port: 0 });
  assert.ok(address.transport === "tcp");
  try {
    assert.match(address.url, /^http:\/\/127\.0\.0\.1:\d+$/);
    const scrape = (headers: HeadersInit) => fetch(`${address.url}/metrics`, { headers });
    const closed = await scrape({});
    assert.deepEqual([closed.status, (await errorOf(closed)).code], [401, "invalid_api_key"]);
    const open = await scrape({ Authorization: `Bearer ${KEY}` });
    assert.equal(open.status, 200);
    await open.body?.cancel();
  } finally {
    await keyed.stop();
  }
});

Deno.test("/metrics shows what became of the commands, per configured tunnel", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const answer = harness.call(request());
    await harness.respond(await harness.nextCommand());
    await (await answer).body?.cancel();
    const refused = await harness.call(request(), { tunnel: OTHER_TUNNEL });
    await refused.body?.cancel();
    const response = await fetch(`${harness.url}/metrics`);
    assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
    const text = await response.text();
    for (
      const line of [
        `relay_commands_received_total{tunnel_id="${TUNNEL}"} 1`,
        `relay_commands_total{tunnel_id="${TUNNEL}",outcome="answered"} 1`,
        `relay_commands_total{tunnel_id="${TUNNEL}",outcome="timed_out"} 0`,
        `relay_requests_refused_total{tunnel_id="${OTHER_TUNNEL}"} 1`,
        `relay_queue_length{tunnel_id="${TUNNEL}"} 0`,
        `relay_commands_in_flight{tunnel_id="${TUNNEL}"} 0`,
        `relay_open_polls{tunnel_id="${TUNNEL}"} 0`,
        `relay_last_poll_timestamp_seconds{tunnel_id="${OTHER_TUNNEL}"} 0`,
      ]
    ) assert.ok(text.includes(`\n${line}\n`), line);
    const again = await fetch(`${harness.url}/metrics`);
    assert.ok((await again.text()).includes(`relay_commands_received_total{tunnel_id="${TUNNEL}"} 1`));
  });
});

Deno.test("/healthz says live", async () => {
  await RelayHarness.with({}, async (harness) => {
    const response = await fetch(`${harness.url}/healthz`);
    assert.deepEqual([response.status, await response.text()], [200, "live"]);
  });
});
