import assert from "node:assert/strict";
import { errorOf, RelayHarness, request, TUNNEL, until } from "../support/relay_harness.ts";

const PATH = `/.well-known/oauth-protected-resource/v1/mcp/${TUNNEL}`;

Deno.test("metadata is fetched through the tunnel without the caller's headers, and names the relay as resource [P-180]", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const answer = fetch(harness.url + PATH, {
      headers: { Authorization: "Bearer secret", Cookie: "c=1", "X-Custom": "1" },
    });
    const command = await harness.nextCommand();
    assert.deepEqual([command.command_type, command.channel, command.headers], [
      "oauth_discovery",
      "main",
      {},
    ]);
    assert.ok(!("jsonrpc" in command));
    const note = await harness.respond(command, { resp_type: "jsonrpc_notify", resp_json: {} });
    assert.equal(note.status, 200, "non-terminal events are ignored");
    await harness.respond(command, {
      resp_type: "oauth_discovery_response",
      resp_json: { resource: "http://10.0.0.1/mcp", authorization_servers: ["https://as.example"] },
      resp_headers: {
        "Content-Type": ["text/plain"],
        "Cache-Control": ["max-age=60"],
        "Transfer-Encoding": ["chunked"],
      },
      resp_code: 203,
    });
    const response = await answer;
    assert.equal(response.status, 203);
    assert.equal(response.headers.get("content-type"), "application/json");
    assert.equal(response.headers.get("cache-control"), "max-age=60");
    assert.equal(response.headers.get("transfer-encoding"), null);
    assert.equal(response.headers.get("x-request-id"), command.request_id);
    assert.deepEqual(await response.json(), {
      resource: `${harness.url}/v1/mcp/${TUNNEL}`,
      authorization_servers: ["https://as.example"],
    });
  });
});

Deno.test("a missing document becomes one with the resource, and no status is 200 [P-180]", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const answer = fetch(harness.url + PATH);
    const command = await harness.nextCommand();
    await harness.respond(command, {
      resp_type: "oauth_discovery_response",
      resp_json: undefined,
      resp_code: undefined,
    });
    const response = await answer;
    assert.deepEqual([response.status, await response.json()], [200, {
      resource: `${harness.url}/v1/mcp/${TUNNEL}`,
    }]);
  });
});

Deno.test("an error document is passed on as it is, and a document that is no object is 502 [P-180]", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const failed = fetch(harness.url + PATH);
    const document = {
      error: { message: "unsupported channel", type: "invalid_request_error", code: "unsupported_channel" },
    };
    await harness.respond(await harness.nextCommand(), {
      resp_type: "oauth_discovery_response",
      resp_json: document,
      resp_code: 400,
    });
    assert.deepEqual([(await failed).status, await (await failed).json()], [400, document]);
    for (const resp_json of [[1], "text", 7, true]) {
      const answer = fetch(harness.url + PATH);
      await harness.respond(await harness.nextCommand(), {
        resp_type: "oauth_discovery_response",
        resp_json,
      });
      const response = await answer;
      assert.deepEqual([response.status, (await errorOf(response)).code], [502, "invalid_upstream_response"]);
    }
  });
});

Deno.test("discovery waits like the ingress, and takes GET alone [P-180]", async () => {
  await RelayHarness.with({ responseTimeoutMs: 60 }, async (harness) => {
    await harness.introduceAgent();
    const response = await fetch(harness.url + PATH);
    assert.deepEqual([response.status, (await errorOf(response)).code], [504, "tunnel_response_timeout"]);
    for (const method of ["POST", "DELETE", "HEAD"]) {
      const other = await fetch(harness.url + PATH, { method });
      await other.body?.cancel();
      assert.equal(other.status, 404, method);
    }
  });
});

Deno.test("a caller that gives up its discovery withdraws the command [P-172, P-180]", async () => {
  await RelayHarness.with({}, async (harness) => {
    await harness.introduceAgent();
    const hangUp = new AbortController();
    const answer = assert.rejects(fetch(harness.url + PATH, { signal: hangUp.signal }));
    await until(() => harness.counts().queued === 1, "queued");
    hangUp.abort();
    await answer;
    await until(() => harness.counts().withdrawn === 1, "withdrawn");
    assert.equal((await harness.poll()).status, 204);
  });
});

Deno.test("discovery needs no connector key, but only eight callers may ask at a time", async () => {
  const tunnels = [{ id: TUNNEL, apiKeys: ["k"], connectorKeys: ["c-key"] }];
  await RelayHarness.with({ tunnels, responseTimeoutMs: 60_000 }, async (harness) => {
    await harness.poll({ key: "k" });
    const closed = await harness.call(request());
    assert.equal((await errorOf(closed)).code, "invalid_connector_key");
    const open = Array.from({ length: 8 }, () => fetch(harness.url + PATH));
    await until(() => harness.counts().queued === 8, "8 queued");
    const refused = await fetch(harness.url + PATH);
    assert.deepEqual([refused.status, (await errorOf(refused)).code], [429, "rate_limit_exceeded"]);
    for (const command of (await harness.poll({ key: "k" })).commands) {
      const body =
        `{"request_id":"${command.request_id}","resp_type":"oauth_discovery_response","resp_json":{}}`;
      await harness.post(body, command.shard_token, { key: "k" });
    }
    for (const answer of open) {
      assert.equal((await answer).status, 200);
      await (await answer).body?.cancel();
    }
    const again = fetch(harness.url + PATH);
    await until(() => harness.counts().queued === 1, "queued again");
    const [command] = (await harness.poll({ key: "k" })).commands;
    await harness.post(
      `{"request_id":"${command!.request_id}","resp_type":"oauth_discovery_response","resp_json":{}}`,
      command!.shard_token,
      { key: "k" },
    );
    await (await again).body?.cancel();
  });
});
