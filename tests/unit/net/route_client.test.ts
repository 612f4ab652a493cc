import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import {
  BodyTooLargeError,
  createRouteClient,
  createTargetClient,
  DIRECT_ROUTE,
  type HttpClient,
} from "../../../src/net/mod.ts";
import { FaultServer } from "../../support/fault_server.ts";
import { chunk, startAnswering, startServer, valuesOf, watchedSignal } from "../../support/net_servers.ts";

async function withClient(run: (client: HttpClient) => Promise<void>): Promise<void> {
  const client = createRouteClient(DIRECT_ROUTE);
  try {
    await run(client);
  } finally {
    client.close();
  }
}

const get = (client: HttpClient, url: string) => client.request({ method: "GET", url, headers: [] });

Deno.test("route client sends method, headers and body as given", () =>
  withClient(async (client) => {
    await using server = startAnswering(async (peer, request) => {
      const [line, ...fields] = request.lines;
      await peer.ok([line, ...fields.map((field) => field.toLowerCase()), ...request.body].join("\n"));
    });
    for (const body of ["é", new TextEncoder().encode("é")]) {
      const headers = [["Authorization", "Bearer k"], ["X-Twice", "1"], ["X-Twice", "2"]] as const;
      const response = await client.request({
        method: "POST",
        url: `${server.origin}/v1/poll?a=b`,
        headers,
        body,
      });
      const lines = (await response.body.text()).split("\n");
      assert.equal(lines[0], "POST /v1/poll?a=b HTTP/1.1");
      assert.ok(lines.includes("authorization: bearer k"));
      assert.ok(lines.some((line) => /^x-twice: 1(, 2)?$/.test(line)));
      assert.deepEqual(lines.slice(-2), ["195", "169"]);
    }
  }));

Deno.test("both clients send header values as UTF-8 [P-8]", async () => {
  await using server = await FaultServer.start(async (exchange) => {
    const { request } = exchange;
    await exchange.reply(200, Buffer.from(request.headers.get("x-token") ?? "", "latin1").toString("utf8"));
  });
  for (const client of [createRouteClient(DIRECT_ROUTE), createTargetClient()]) {
    const headers = [["X-Token", "shard é€🙂"]] as const;
    const response = await client.request({ method: "GET", url: server.url, headers });
    assert.equal(await response.body.text(), "shard é€🙂");
    client.close();
  }
});

Deno.test("route client never follows a redirect [P-32]", () =>
  withClient(async (client) => {
    await using server = startAnswering((peer) =>
      peer.send("HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
    );
    const response = await get(client, server.origin);
    assert.equal(response.status, 307);
    assert.deepEqual(valuesOf(response, "location"), ["/elsewhere"]);
    response.body.cancel();
    assert.equal(server.accepted, 1);
  }));

Deno.test("route client resolves at the head, before the body has come [P-35]", () =>
  withClient(async (client) => {
    const headRead = Promise.withResolvers<void>();
    await using server = startAnswering(async (peer) => {
      await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
      await headRead.promise;
      await peer.send("late");
    });
    const response = await get(client, server.origin);
    headRead.resolve();
    assert.equal(await response.body.text(100), "late");
  }));

Deno.test("route client reads bodies up to the limit and refuses longer ones, whatever their framing [P-33]", () =>
  withClient(async (client) => {
    const answers: Record<string, string | Uint8Array> = {
      "/length": "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789",
      "/chunked": `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk("01234")}${
        chunk("56789")
      }0\r\n\r\n`,
    };
    await using server = startAnswering(async (peer, request) => {
      const path = request.lines[0].split(" ")[1];
      if (path in answers) return await peer.send(answers[path]);
      await peer.ok(gzipSync("0123456789"), "Content-Encoding: gzip");
    });
    for (const path of ["/length", "/chunked", "/gzip"]) {
      const url = server.origin + path;
      assert.equal(await (await get(client, url)).body.text(), "0123456789", path);
      assert.equal(await (await get(client, url)).body.text(10), "0123456789", path);
      assert.deepEqual(
        await (await get(client, url)).body.bytes(10),
        new TextEncoder().encode("0123456789"),
        path,
      );
      for (const read of ["text", "bytes"] as const) {
        const response = await get(client, url);
        await assert.rejects(response.body[read](9), (error) => {
          assert.ok(error instanceof BodyTooLargeError);
          assert.equal(error.limitBytes, 9);
          return true;
        }, path);
      }
    }
  }));

Deno.test("route client refuses a body without end at its limit and closes the connection [P-33]", () =>
  withClient(async (client) => {
    await using server = startServer(async (peer) => {
      await peer.request();
      await peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      for (;;) await peer.send(chunk("x".repeat(1000)));
    });
    const response = await get(client, server.origin);
    await assert.rejects(response.body.text(1_000_000), BodyTooLargeError);
    await server.whenOpen(0);
  }));

Deno.test("route client hands over pieces as they arrive, and closes when the reader leaves", () =>
  withClient(async (client) => {
    await using server = startServer(async (peer) => {
      await peer.request();
      await peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunk("one"));
      await oneSeen.promise;
      await peer.send(chunk("two"));
      await peer.end();
    });
    const oneSeen = Promise.withResolvers<void>();
    const seen: string[] = [];
    for await (const piece of (await get(client, server.origin)).body.chunks()) {
      seen.push(new TextDecoder().decode(piece));
      oneSeen.resolve();
      if (seen.length === 2) break;
    }
    assert.deepEqual(seen, ["one", "two"]);
    await server.whenOpen(0);
  }));

Deno.test("route client closes the connection of a body that is cancelled before its end [P-192]", () =>
  withClient(async (client) => {
    await using server = startServer(async (peer) => {
      await peer.request();
      await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nabc");
      await peer.end();
    });
    const response = await get(client, server.origin);
    response.body.cancel();
    response.body.cancel();
    await server.whenOpen(0);
    await assert.rejects(response.body.text(), TypeError);

    const read = await get(client, server.origin);
    const reading = assert.rejects(read.body.bytes(), { name: "NetError", kind: "connection_closed" });
    read.body.cancel();
    await reading;
    await server.whenOpen(0);
  }));

Deno.test("route client keeps the connection of a small body that is cancelled unread [P-192, P-135]", () =>
  withClient(async (client) => {
    await using server = startAnswering((peer) =>
      peer.send('HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"status":"ok"}')
    );
    for (let count = 0; count < 50; count++) (await get(client, server.origin)).body.cancel();
    assert.ok(server.accepted < 25, `${server.accepted} connections for 50 requests`);
    assert.equal(await (await get(client, server.origin)).body.text(), '{"status":"ok"}');
  }));

Deno.test("route client closes the connection when a small body that was cancelled does not come", () =>
  withClient(async (client) => {
    await using server = startServer(async (peer) => {
      await peer.request();
      await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
      await peer.end();
    });
    (await get(client, server.origin)).body.cancel();
    await server.whenOpen(0);
  }));

Deno.test("route client leaves no listener on the signal of a finished request", () =>
  withClient(async (client) => {
    await using server = startAnswering((peer, { lines }) =>
      lines[0].startsWith("HEAD") ? peer.ok("") : peer.ok("{}")
    );
    const { signal, added, listeners } = watchedSignal();
    for (const method of ["GET", "HEAD"]) {
      const request = { method, url: server.origin, headers: [], signal };
      await (await client.request(request)).body.text(10);
      await Array.fromAsync((await client.request(request)).body.chunks());
      (await client.request(request)).body.cancel();
    }
    await assert.rejects(
      client.request({ method: "GET", url: "http://no-such-host.invalid/", headers: [], signal }),
    );
    assert.equal(added(), 8); // six exchanges, two attempts to connect
    assert.equal(listeners.size, 0);
  }));

Deno.test("route client reuses its connection after bodies that were read to their ends [P-192]", () =>
  withClient(async (client) => {
    await using server = startAnswering((peer) => peer.ok("{}"));
    for (let count = 0; count < 20; count++) {
      assert.equal(await (await get(client, server.origin)).body.text(10), "{}");
    }
    assert.equal(server.accepted, 1);
    client.close();
    client.close();
    await server.whenOpen(0);
  }));

Deno.test("route client gives empty bodies of answers that have none", () =>
  withClient(async (client) => {
    await using server = startAnswering((peer) => peer.send("HTTP/1.1 204 No Content\r\n\r\n"));
    const response = await get(client, server.origin);
    assert.equal(response.status, 204);
    assert.equal(await response.body.text(0), "");
    assert.deepEqual(await Array.fromAsync((await get(client, server.origin)).body.chunks()), []);
    response.body.cancel();
  }));
