import assert from "node:assert/strict";
import {
  BodyTooLargeError,
  createTargetClient,
  type HttpClient,
  type HttpRequest,
} from "../../../src/net/mod.ts";
import { dialDirect } from "../../../src/net/dial.ts";
import { CLIENT_NAME } from "../../../src/version.ts";
import { chunk, startAnswering, startServer, unusedPort, valuesOf } from "../../support/net_servers.ts";

async function withClient(run: (client: HttpClient) => Promise<void>): Promise<void> {
  const client = createTargetClient();
  try {
    await run(client);
  } finally {
    client.close();
  }
}

const post = (client: HttpClient, url: string, more: Partial<HttpRequest> = {}) =>
  client.request({ method: "POST", url, headers: [], body: "{}", ...more });

/** The header lines of a request as a server sees them, with names in lower case. */
async function linesReceived(url: (origin: string) => string, more: Partial<HttpRequest>): Promise<string[]> {
  await using server = startAnswering((peer, { lines }) => peer.ok(lines.join("\n")));
  let lines: string[] = [];
  await withClient(async (client) => {
    lines = (await (await post(client, url(server.origin), more)).body.text()).split("\n");
  });
  const [line, ...fields] = lines;
  return [line, ...fields.map((field) => field.replace(/^[^:]+/, (name) => name.toLowerCase()))];
}

Deno.test("target client sends repeated header fields apart and in order [HT-3]", async () => {
  const headers = [["X-Many", "1"], ["x-other", "ü"], ["x-many", "2"], ["X-Empty", ""]] as const;
  const lines = await linesReceived((origin) => `${origin}/mcp?a=b%20c#part`, { headers });
  assert.equal(lines[0], "POST /mcp?a=b%20c HTTP/1.1");
  const sent = lines.filter((line) => line.startsWith("x-"));
  assert.deepEqual(sent, ["x-many: 1", "x-other: ü", "x-many: 2", "x-empty: "]);
});

Deno.test("target client receives repeated header fields apart, in order and as spelled [P-188]", async () => {
  await using server = startAnswering((peer) =>
    peer.ok("", "WWW-Authenticate: Bearer", 'www-authenticate: Basic realm="x", Digest', "X-Name:  grün \t")
  );
  await withClient(async (client) => {
    const response = await post(client, server.origin);
    assert.deepEqual(response.headers, [
      ["WWW-Authenticate", "Bearer"],
      ["www-authenticate", 'Basic realm="x", Digest'],
      ["X-Name", "grün"],
      ["Content-Length", "0"],
    ]);
  });
});

Deno.test("target client writes Host and framing itself, whatever is asked for [HT-5]", async () => {
  const forwarded = [
    ...[["Host", "evil.example"], ["Content-Length", "7"], ["Transfer-Encoding", "chunked"], [
      "Trailer",
      "x",
    ]],
    ...[["Connection", "close, authorization"], ["Keep-Alive", "timeout=1"], ["TE", "trailers"], [
      "Upgrade",
      "h2c",
    ]],
    ...[["Proxy-Connection", "close"], ["Expect", "100-continue"], ["HTTP2-Settings", "x"], [
      "Authorization",
      "Bearer t",
    ]],
  ] as [string, string][];
  let origin = "";
  const lines = await linesReceived((from) => origin = from, { headers: forwarded });
  const { host } = new URL(origin);
  assert.deepEqual(lines.slice(1).sort(), [
    "accept-encoding: gzip",
    "authorization: Bearer t",
    "content-length: 2",
    `host: ${host}`,
    lines.find((line) => line.startsWith(`user-agent: ${CLIENT_NAME}/`)),
  ]);
});

Deno.test("target client lets a forwarded User-Agent and Accept-Encoding stand [HT-4, HT-6]", async () => {
  const headers = [["user-agent", "theirs"], ["Accept-Encoding", "br"]] as const;
  const lines = await linesReceived((origin) => origin, { headers });
  assert.deepEqual(lines.filter((line) => /^(user-agent|accept-encoding)/.test(line)), [
    "user-agent: theirs",
    "accept-encoding: br",
  ]);
});

Deno.test("target client turns user info of the URL into Basic credentials unless some are given [HT-5]", async () => {
  const url = (origin: string) => origin.replace("://", "://us%C3%A9r:p%40ss%@");
  const authorization = async (more: Partial<HttpRequest>) =>
    (await linesReceived(url, more)).filter((line) => line.startsWith("authorization"));
  const basic = btoa(String.fromCharCode(...new TextEncoder().encode("usér:p%40ss%")));
  assert.deepEqual(await authorization({}), [`authorization: Basic ${basic}`]);
  const headers = [["AUTHORIZATION", "Bearer t"]] as const;
  assert.deepEqual(await authorization({ headers }), ["authorization: Bearer t"]);
});

Deno.test("target client announces a body's length in bytes, and none where there is no body", async () => {
  const announced = async (more: Partial<HttpRequest>) =>
    (await linesReceived((origin) => origin, more)).filter((line) => line.startsWith("content-length"));
  assert.deepEqual(await announced({ body: "é€😀" }), ["content-length: 9"]);
  assert.deepEqual(await announced({ body: new Uint8Array(3) }), ["content-length: 3"]);
  assert.deepEqual(await announced({ body: "" }), ["content-length: 0"]);
  assert.deepEqual(await announced({ body: undefined }), ["content-length: 0"]);
  assert.deepEqual(await announced({ method: "DELETE", body: undefined }), []);
  assert.deepEqual(await announced({ method: "GET", body: undefined }), []);
});

Deno.test("target client sends and receives bodies of every size unchanged", async () => {
  await using server = startAnswering((peer, { body }) => peer.ok(body));
  await withClient(async (client) => {
    for (const size of [0, 1, 5_000, 5_300, 5_465, 16_000, 16_384, 33_000, 100_000, 3_000_000]) {
      const body = "aé€😀".repeat(size / 5);
      assert.equal(await (await post(client, server.origin, { body })).body.text(), body, `text of ${size}`);
      const bytes = crypto.getRandomValues(new Uint8Array(Math.min(size, 60_000)));
      const response = await post(client, server.origin, { body: bytes });
      assert.deepEqual(await response.body.bytes(), bytes, `bytes of ${size}`);
    }
    assert.equal(server.accepted, 1);
  });
});

Deno.test("target client reads a body of 30 MB in every way", async () => {
  const piece = new TextEncoder().encode("0123456789abcdef".repeat(4096));
  const size = piece.length * 480;
  await using server = startAnswering(async (peer, { lines }) => {
    if (lines[0].includes("/chunked")) {
      await peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      for (let sent = 0; sent < size; sent += piece.length) await peer.send("10000\r\n", piece, "\r\n");
      return await peer.send("0\r\n\r\n");
    }
    await peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
    for (let sent = 0; sent < size; sent += piece.length) await peer.send(piece);
  });
  await withClient(async (client) => {
    for (const path of ["/length", "/chunked"]) {
      const url = server.origin + path;
      const text = await (await post(client, url)).body.text();
      assert.ok(text.length === size && text.endsWith("789abcdef"), path);
      const bytes = await (await post(client, url)).body.bytes(size);
      assert.ok(bytes.length === size && bytes[size - 1] === 0x66 && bytes[16] === 0x30, path);
      let seen = 0;
      for await (const chunk of (await post(client, url)).body.chunks()) seen += chunk.length;
      assert.equal(seen, size, path);
    }
    assert.equal(server.accepted, 1);
  });
});

Deno.test("target client hands over each piece of a stream at once [P-99]", async () => {
  await using server = startAnswering(async (peer) => {
    await peer.send(
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    for (let number = 0; number < 5; number++) {
      await peer.send(chunk(`data: ${number}\n\n`));
      await seen[number].promise;
    }
    await peer.send("0\r\n\r\n");
  });
  const seen = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
  await withClient(async (client) => {
    const pieces: string[] = [];
    for await (const piece of (await post(client, server.origin)).body.chunks()) {
      seen[pieces.length].resolve();
      pieces.push(new TextDecoder().decode(piece));
    }
    assert.deepEqual(pieces, [0, 1, 2, 3, 4].map((number) => `data: ${number}\n\n`));
    assert.equal(await (await post(client, server.origin)).body.text(), pieces.join(""));
    assert.equal(server.accepted, 1);
  });
});

Deno.test("target client keeps pieces valid after the next one has been read", async () => {
  await using server = startAnswering(async (peer) => {
    await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
    await peer.send("def");
  });
  await withClient(async (client) => {
    const pieces = await Array.fromAsync((await post(client, server.origin)).body.chunks());
    assert.equal(pieces.map((piece) => new TextDecoder().decode(piece)).join(""), "abcdef");
  });
});

Deno.test("target client takes an answer that ends with its connection", async () => {
  await using server = startServer(async (peer) => {
    await peer.request();
    await peer.send("HTTP/1.0 200 OK\r\nServer: old\r\n\r\n", "until ", "the end");
  });
  await withClient(async (client) => {
    for (let round = 0; round < 2; round++) {
      assert.equal(await (await post(client, server.origin)).body.text(), "until the end");
    }
    assert.equal(server.accepted, 2);
  });
});

Deno.test("target client takes answers without a body at once, and goes on with their connections", async () => {
  const heads: Record<string, string> = {
    "/204": "HTTP/1.1 204 No Content\r\n\r\n",
    "/304": "HTTP/1.1 304 Not Modified\r\nContent-Length: 50\r\n\r\n",
    "/202": "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
    "/head": "HTTP/1.1 200 OK\r\nContent-Length: 50\r\nContent-Encoding: gzip\r\n\r\n",
  };
  await using server = startAnswering((peer, { lines }) => peer.send(heads[lines[0].split(" ")[1]]));
  await withClient(async (client) => {
    for (const path of Object.keys(heads)) {
      const method = path === "/head" ? "HEAD" : "POST";
      // Not reading the body of one must not cost the connection.
      await post(client, server.origin + path, { method });
      const { body } = await post(client, server.origin + path, { method });
      assert.equal(await body.text(0), "");
      assert.equal((await body.bytes()).length, 0);
      assert.deepEqual(await Array.fromAsync(body.chunks()), []);
      body.cancel();
    }
    assert.equal(server.accepted, 1);
  });
});

Deno.test("target client skips interim answers before the final one [RFC 9110 §15.2]", async () => {
  await using server = startAnswering((peer) =>
    peer.send(
      "HTTP/1.1 100 Continue\r\n\r\n",
      "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 ",
      "OK\r\nContent-Length: 2\r\n\r\nok",
    )
  );
  await withClient(async (client) => {
    const response = await post(client, server.origin);
    assert.equal(response.status, 200);
    assert.deepEqual(response.headers, [["Content-Length", "2"]]);
    assert.equal(await response.body.text(), "ok");
  });
});

Deno.test("target client takes an answer that comes before its request is sent, and sends no more then", async () => {
  const answered = Promise.withResolvers<void>();
  const received = Promise.withResolvers<number>();
  await using server = startServer(async (peer) => {
    await peer.bytes(1000);
    await peer.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nlarge");
    await answered.promise;
    received.resolve(await peer.end());
  });
  let closed = 0;
  const client = createTargetClient({}, async (endpoint, signal) => {
    const wire = await dialDirect(endpoint, signal);
    const close = () => {
      closed++;
      wire.close();
    };
    return { read: (into) => wire.read(into), write: (bytes) => wire.write(bytes), close };
  });
  // More than both sockets' buffers hold, so that it is still being written.
  const response = await post(client, server.origin, { body: new Uint8Array(30_000_000) });
  assert.equal(response.status, 413);
  assert.equal(await response.body.text(), "large");
  assert.equal(closed, 1);
  answered.resolve();
  assert.ok(await received.promise < 30_000_000);
  client.close();
});

Deno.test("target client refuses bodies beyond the limit, whatever their framing", async () => {
  const answers: Record<string, string> = {
    "/length": "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789",
    "/chunked": `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk("01234")}${
      chunk("56789")
    }0\r\n\r\n`,
    "/late": `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk("01234")}`,
  };
  await using server = startAnswering(async (peer, { lines }) => {
    const path = lines[0].split(" ")[1];
    await peer.send(answers[path]);
    if (path === "/late") await peer.send(`${chunk("56789")}0\r\n\r\n`);
  });
  await withClient(async (client) => {
    for (const path of Object.keys(answers)) {
      assert.equal(await (await post(client, server.origin + path)).body.text(10), "0123456789");
      assert.equal((await (await post(client, server.origin + path)).body.bytes(10)).length, 10);
      for (const read of ["text", "bytes"] as const) {
        const response = await post(client, server.origin + path);
        await assert.rejects(response.body[read](9), (error) => {
          return error instanceof BodyTooLargeError && error.limitBytes === 9;
        });
      }
    }
  });
});

Deno.test("target client does not take memory for a length that is only announced", async () => {
  await using server = startServer(async (peer) => {
    await peer.request();
    await peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${2 ** 52}\r\n\r\nabc`);
  });
  await withClient(async (client) => {
    const response = await post(client, server.origin);
    await assert.rejects(response.body.bytes(), { kind: "unexpected_eof" });
  });
});

Deno.test("target client lets a body be read once", async () => {
  await using server = startAnswering((peer) => peer.ok("once"));
  await withClient(async (client) => {
    for (const end of ["text", "cancel"] as const) {
      const { body } = await post(client, server.origin);
      await body[end]();
      await assert.rejects(body.text(), TypeError);
      await assert.rejects(body.chunks().next(), TypeError);
      body.cancel();
    }
  });
});

Deno.test("target client reaches ports that fetch refuses [HT-1]", () =>
  withClient(async (client) => {
    // Nobody listens there, and the system says so: the client has really tried.
    await assert.rejects(post(client, "http://127.0.0.1:1/"), { kind: "connection_refused" });
  }));

Deno.test("target client refuses what is not an http or https URL", () =>
  withClient(async (client) => {
    for (const url of ["/mcp", "ftp://host/", "unix:/secret", "http://", ""]) {
      await assert.rejects(post(client, url), { kind: "unknown", requestWritten: false, detail: /^[^/]*$/ });
    }
  }));

Deno.test("target client reaches a target by name and by IPv6 address [HT-5]", async () => {
  const listener = Deno.listen({ hostname: "::1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const serving = (async () => {
    const conn = await listener.accept();
    const buffer = new Uint8Array(1000);
    const count = await conn.read(buffer);
    await conn.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"));
    conn.close();
    return new TextDecoder().decode(buffer.subarray(0, count ?? 0));
  })();
  await withClient(async (client) => {
    await (await post(client, `http://[::1]:${port}/`)).body.text();
    assert.match(await serving, new RegExp(`\\r\\nhost: \\[::1\\]:${port}\\r\\n`));
    listener.close();
    await using server = startAnswering((peer, { lines }) => peer.ok(lines.join("\n")));
    const text = await (await post(client, `http://localhost:${server.port}/`)).body.text();
    assert.match(text, new RegExp(`\\nhost: localhost:${server.port}\\n`));
  });
});

Deno.test("target client gives up connecting after its limit, as a timeout with nothing written [HT-8, P-123]", async () => {
  const closed = Promise.withResolvers<void>();
  const client = createTargetClient(
    { connectTimeoutMs: 20 },
    (_endpoint, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => {
          closed.resolve();
          reject(new Error("aborted by the client"));
        });
      }),
  );
  await assert.rejects(post(client, "http://127.0.0.1/"), { kind: "timeout", requestWritten: false });
  await closed.promise;
});

Deno.test("target client gives up a TLS handshake that hangs after its limit [HT-8]", async () => {
  await using server = startServer((peer) => peer.end());
  const client = createTargetClient({ connectTimeoutMs: 50 });
  const url = `https://127.0.0.1:${server.port}/`;
  await assert.rejects(post(client, url), { kind: "timeout", requestWritten: false });
});

Deno.test("target client gives up a TLS handshake that is aborted, at once", async () => {
  const accepted = Promise.withResolvers<void>();
  await using server = startServer(async (peer) => {
    await peer.bytes(1);
    accepted.resolve();
    await peer.end();
  });
  const client = createTargetClient();
  const stop = new AbortController();
  const waiting = post(client, `https://127.0.0.1:${server.port}/`, { signal: stop.signal });
  await accepted.promise;
  stop.abort(new Error("stopped"));
  await assert.rejects(waiting, /stopped/);
});

Deno.test("target client aborts while a large body is being sent, and closes the socket", async () => {
  const begun = Promise.withResolvers<void>();
  await using server = startServer(async (peer) => {
    await peer.bytes(1);
    begun.resolve();
    await aborted.promise;
    await peer.end();
  });
  const aborted = Promise.withResolvers<void>();
  await withClient(async (client) => {
    const stop = new AbortController();
    const sending = post(client, server.origin, { body: new Uint8Array(30_000_000), signal: stop.signal });
    await begun.promise;
    stop.abort("enough");
    await assert.rejects(sending, (error) => error === "enough");
    aborted.resolve();
    await server.whenOpen(0);
  });
});

Deno.test("target client tells a missing permission from a network failure, naming the host", async () => {
  const port = unusedPort();
  const refuse = () => {
    throw new Deno.errors.NotCapable(
      `Requires net access to "10.0.0.1:${port}", run again with the --allow-net flag`,
    );
  };
  const client = createTargetClient({}, refuse);
  await assert.rejects(post(client, `http://10.0.0.1:${port}/`), {
    kind: "dial",
    requestWritten: false,
    detail: `the sandbox of this profile does not allow 10.0.0.1:${port}`,
  });
});

Deno.test("target client shows what it received as it is, whatever the status", async () => {
  await using server = startAnswering((peer, { lines }) =>
    peer.send(`HTTP/1.1 ${lines[0].split("/")[1].slice(0, 3)}\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n`)
  );
  await withClient(async (client) => {
    for (const status of [200, 302, 404, 500, 599, 799]) {
      const response = await post(client, `${server.origin}/${status}`);
      assert.equal(response.status, status);
      assert.deepEqual(valuesOf(response, "location"), ["/x"]);
    }
  });
});
