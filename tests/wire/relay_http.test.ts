import assert from "node:assert/strict";
import { type ConnectionLimits, DEFAULT_LIMITS } from "../../src/relay/http1/connection.ts";
import type { HttpReply } from "../../src/relay/http1/http_reply.ts";
import type { HttpRequest } from "../../src/relay/http1/http_request.ts";
import { HttpServer } from "../../src/relay/http1/http_server.ts";
import { BodyTooLongError } from "../../src/relay/http1/request_body.ts";
import { RawConnection, until } from "../support/relay_harness.ts";

type Handler = (request: HttpRequest) => HttpReply | Promise<HttpReply>;

const text = (body: string, status = 200): HttpReply => ({
  status,
  headers: [["content-type", "text/plain"]],
  body,
});

/** Says back what it got. */
const echo = async (request: HttpRequest): Promise<HttpReply> =>
  text(`${request.method} ${request.path} ${await request.text(1 << 20)}`);

async function withServer(
  handle: Handler,
  test: (port: number, server: HttpServer) => Promise<void>,
  limits: Partial<ConnectionLimits> = {},
): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const errors: unknown[] = [];
  const server = new HttpServer(listener, {
    handle,
    limits,
    refuse: (error) => text(error.message, error.status),
    onError: (error) => errors.push(error),
  });
  try {
    await test(listener.addr.port, server);
  } finally {
    await server.stop();
  }
  assert.deepEqual(errors, []);
}

/** Sends bytes and reads until the server closes. */
async function exchange(port: number, request: string): Promise<string> {
  const raw = await RawConnection.to(port, request);
  const reply = await raw.readUntil();
  raw.close();
  return reply;
}

const bodies = (reply: string) =>
  [...reply.matchAll(/\r\n\r\n([^]*?)(?=HTTP\/1\.1|$)/g)].map(([, body]) => body);
const statuses = (reply: string) =>
  [...reply.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));

Deno.test("requests on one connection are answered one after the other, pipelined ones too", async () => {
  await withServer(echo, async (port) => {
    const reply = await exchange(
      port,
      "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc" +
        "\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n" +
        "POST /3 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2;ext=1\r\nde\r\n00a\r\nfghijklmno\r\n0\r\nX: 1\r\n\r\n" +
        "POST /4 HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 2\r\n\r\npqGET /5 HTTP/1.1\r\nHost: h\r\n\r\n",
    );
    assert.deepEqual(bodies(reply), ["POST /1 abc", "GET /2 ", "POST /3 defghijklmno", "POST /4 pq"]);
    assert.equal(reply.match(/connection: close/g)?.length, 1);
  });
});

Deno.test("requests arrive whole whatever the pieces in which their bytes come", async () => {
  await withServer(echo, async (port) => {
    const raw = await RawConnection.to(port, "");
    const requests = "POST /sized HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello" +
      "POST /chunks HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nworld\r\n0\r\n\r\n";
    for (const byte of requests) {
      await raw.write(byte);
      await new Promise((resolve) => setTimeout(resolve));
    }
    assert.deepEqual(bodies(await raw.readUntil()), ["POST /sized hello", "POST /chunks world"]);
    raw.close();
  });
});

Deno.test("a reply has date, length and the bytes of its text, also beyond ASCII", async () => {
  const value = "caf\u00e9";
  await withServer(
    (request) => ({
      status: 299,
      headers: [["x-latin", value], ["x-two", "1"], ["x-two", "2"]],
      body: request.path === "/big" ? "\u20ac".repeat(100_000) : "\u20ac",
    }),
    async (port) => {
      const raw = await RawConnection.to(port, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
      const buffer = new Uint8Array(4096);
      const bytes = buffer.subarray(0, await raw.conn.read(buffer) ?? 0);
      raw.close();
      const head = String.fromCharCode(...bytes);
      assert.match(
        head,
        /^HTTP\/1\.1 299 \r\nx-latin: caf\u00e9\r\nx-two: 1\r\nx-two: 2\r\ncontent-length: 3\r\nconnection: close\r\ndate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n\r\n/,
      );
      assert.ok(head.endsWith("\r\n\r\n\xe2\x82\xac"));
      const big = await (await fetch(`http://127.0.0.1:${port}/big`)).text();
      assert.equal(big, "\u20ac".repeat(100_000));
    },
  );
});

Deno.test("HEAD is answered with the head alone, 204 and 304 without length", async () => {
  await withServer(
    (request) =>
      request.path === "/204"
        ? { status: 204, headers: [], body: null }
        : request.path === "/304"
        ? { status: 304, headers: [], body: null }
        : text("12345"),
    async (port) => {
      const reply = await exchange(
        port,
        "HEAD / HTTP/1.1\r\nHost: h\r\n\r\nGET /204 HTTP/1.1\r\nHost: h\r\n\r\nGET /304 HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
      );
      assert.deepEqual(statuses(reply), [200, 204, 304, 200]);
      assert.equal(reply.match(/content-length: 5/g)?.length, 2);
      assert.equal(reply.match(/content-length/g)?.length, 2);
      assert.equal(reply.match(/12345/g)?.length, 1);
    },
  );
});

Deno.test("what is no proper request gets its status, and the connection is closed behind it", async () => {
  await withServer(echo, async (port) => {
    for (
      const [request, status] of [
        ["NONSENSE\r\n\r\n", 400],
        ["GET / HTTP/1.1\r\n\r\n", 400],
        ["GET / HTTP/3.0\r\nHost: h\r\n\r\n", 505],
        ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505],
        ["POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 501],
        [`GET / HTTP/1.1\r\nHost: h\r\nX: ${"x".repeat(70_000)}\r\n\r\n`, 431],
        [`GET /${"x".repeat(70_000)}`, 431],
      ] as const
    ) {
      const reply = await exchange(port, `${request}GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n`);
      assert.deepEqual(statuses(reply), [status], request.slice(0, 40));
      assert.match(reply, /connection: close/);
    }
  });
});

Deno.test("malformed chunks never become a body", async () => {
  const seen: string[] = [];
  await withServer(async (request) => {
    try {
      seen.push(await request.text(1_000));
    } catch (error) {
      return text((error as Error).name, 400);
    }
    return text("taken");
  }, async (port) => {
    for (
      const chunks of [
        "x\r\n",
        "-1\r\n",
        "5\nhello\n0\n\n",
        "2\r\nabc\r\n0\r\n\r\n",
        "3\r\nab\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        " 3\r\nabc\r\n",
        "123456789\r\n",
        `3;${"x".repeat(2_000)}\r\nabc\r\n0\r\n\r\n`,
        `0\r\n${"X: 1\r\n".repeat(60)}\r\n`,
        "3 x\r\nabc\r\n0\r\n\r\n",
      ]
    ) {
      const reply = await exchange(
        port,
        `POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`,
      );
      assert.equal(statuses(reply)[0], 400, JSON.stringify(chunks.slice(0, 30)));
      assert.equal(statuses(reply).length, 1);
    }
    assert.deepEqual(seen, []);
  });
});

Deno.test("a client that waits for 100 Continue gets it when its body is wanted, and not when it is too long", async () => {
  await withServer(async (request) => {
    try {
      return text(await request.text(10));
    } catch (error) {
      if (error instanceof BodyTooLongError) return text("too long", 413);
      throw error;
    }
  }, async (port) => {
    const wanted = await RawConnection.to(
      port,
      "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n",
    );
    assert.equal(await wanted.readUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    await wanted.write("hello");
    assert.match(await wanted.readUntil(), /^HTTP\/1\.1 200 [^]*\r\n\r\nhello$/);
    wanted.close();
    const refused = await exchange(
      port,
      "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 500\r\n\r\n",
    );
    assert.deepEqual(statuses(refused), [413]);
    assert.match(refused, /connection: close/);
  });
});

Deno.test("a refused sender finds the reply even while it still sends", async () => {
  await withServer(async (request) => {
    await request.text(1_000).catch(() => {});
    return text("refused", 413);
  }, async (port) => {
    for (const headers of ["Content-Length: 30000000\r\n", "Transfer-Encoding: chunked\r\n"]) {
      const raw = await RawConnection.to(port, `POST / HTTP/1.1\r\nHost: h\r\n${headers}\r\n`);
      const body = headers.startsWith("C")
        ? "x".repeat(30_000_000)
        : `${(20_000_000).toString(16)}\r\n${"x".repeat(20_000_000)}\r\n0\r\n\r\n`;
      const sending = raw.write(body).catch(() => {});
      assert.match(await raw.readUntil(), /^HTTP\/1\.1 413 [^]*refused$/);
      await sending;
      raw.close();
    }
  });
});

Deno.test("a body that nobody wanted is read over, and the connection lives on", async () => {
  await withServer((request) => text(request.path), async (port) => {
    const reply = await exchange(
      port,
      `POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n${
        "x".repeat(100_000)
      }GET /2 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`,
    );
    assert.deepEqual(bodies(reply), ["/1", "/2"]);
  });
});

Deno.test("HTTP/1.0 is served without chunks and without keeping the connection", async () => {
  const pieces = async function* () {
    await Promise.resolve();
    yield new TextEncoder().encode("a");
    yield new TextEncoder().encode("b");
  };
  await withServer(() => ({ status: 200, headers: [], body: pieces() }), async (port) => {
    assert.match(
      await exchange(port, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
      /connection: close[^]*\r\n\r\nab$/,
    );
    const modern = await exchange(port, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert.match(modern, /transfer-encoding: chunked[^]*\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n$/);
    assert.match(
      await exchange(port, "HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
      /transfer-encoding: chunked[^]*\r\n\r\n$/,
    );
  });
});

Deno.test("a request head must be complete in time, five seconds by default [P-157]", async () => {
  assert.equal(DEFAULT_LIMITS.headMs, 5_000);
  await withServer(echo, async (port, server) => {
    const slow = await RawConnection.to(port, "GET / HT");
    const started = performance.now();
    assert.equal(await slow.readUntil(), "");
    assert.ok(performance.now() - started < 4_000);
    slow.close();
    const quiet = await RawConnection.to(port, "");
    await until(() => server.openConnections === 1, "a quiet connection stays");
    quiet.close();
    await until(() => server.openConnections === 0, "closed");
  }, { headMs: 60 });
});

Deno.test("a head that drips on does not get more time [P-157]", async () => {
  await withServer(echo, async (port) => {
    const slow = await RawConnection.to(port, "GET / HTTP/1.1\r\n");
    const reading = slow.readUntil();
    let ended = false;
    const end = reading.then(() => ended = true);
    for (let at = 0; at < 400 && !ended; at++) {
      await slow.write("X: 1\r\n").catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await end;
    assert.equal(await reading, "");
    slow.close();
  }, { headMs: 80 });
});

Deno.test("idle connections, stalled senders and stalled readers are given up in time", async () => {
  const hangUps: string[] = [];
  await withServer((request) => {
    request.onHangUp(() => hangUps.push(request.path));
    return request.path === "/large" ? text("x".repeat(30_000_000)) : echo(request).catch(() => text("gone"));
  }, async (port, server) => {
    const idle = await RawConnection.to(port, "GET /idle HTTP/1.1\r\nHost: h\r\n\r\n");
    await idle.readUntil("/idle");
    assert.equal(await idle.readUntil(), "");
    const sender = await RawConnection.to(
      port,
      "POST /sender HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc",
    );
    assert.equal(await sender.readUntil(), "");
    const reader = await RawConnection.to(port, "GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
    await until(() => hangUps.includes("/large"), "the reader that does not read is given up");
    for (const raw of [idle, sender, reader]) raw.close();
    await until(() => server.openConnections === 0, "nothing left");
  }, { idleMs: 80, stallMs: 80 });
});

Deno.test("a handler may take longer than every limit", async () => {
  const slow = async (request: HttpRequest) => {
    await request.text(10);
    await new Promise((resolve) => setTimeout(resolve, 250));
    return text("late");
  };
  await withServer(slow, async (port) => {
    const reply = await exchange(
      port,
      "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
    );
    assert.deepEqual(bodies(reply), ["late"]);
  }, { headMs: 50, idleMs: 50, stallMs: 50 });
});

Deno.test("hungUp and onHangUp tell of a caller that left, and onEnd that nothing was written", async () => {
  const events: string[] = [];
  const { promise: go, resolve: release } = Promise.withResolvers<void>();
  await withServer(async (request) => {
    request.onHangUp(() => events.push("left"));
    await go;
    events.push(`hungUp ${request.hungUp}`);
    request.onHangUp(() => events.push("told at once"));
    return { ...text("x"), onEnd: (written) => events.push(`written ${written}`) };
  }, async (port, server) => {
    const raw = await RawConnection.to(port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    await until(() => server.openConnections === 1, "connected");
    raw.close();
    await until(() => events.length === 1, "hang-up told");
    release();
    await until(() => server.openConnections === 0, "closed");
    assert.deepEqual(events, ["left", "hungUp true", "told at once", "written false"]);
  });
});

Deno.test("onEnd says true for a reply that was written, also when the caller leaves afterwards", async () => {
  const events: unknown[] = [];
  await withServer((request) => {
    request.onHangUp(() => events.push("left"));
    return { ...text("x"), onEnd: (written) => events.push(written) };
  }, async (port, server) => {
    const raw = await RawConnection.to(port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    await raw.readUntil("\r\n\r\nx");
    raw.close();
    await until(() => server.openConnections === 0, "closed");
    assert.deepEqual(events, [true]);
  });
});

Deno.test("onEnd says false for a reply that was cut off", async () => {
  const events: unknown[] = [];
  await withServer(
    () => ({ ...text("x".repeat(40_000_000)), onEnd: (written) => events.push(written) }),
    async (port) => {
      const raw = await RawConnection.to(port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
      await raw.readUntil("xxx");
      raw.close();
      await until(() => events.length === 1, "told");
      assert.deepEqual(events, [false]);
    },
  );
});

Deno.test("stop() closes open connections at once, whatever they do", async () => {
  await withServer(async (request) => {
    if (request.path === "/wait") await new Promise<void>((resolve) => request.onHangUp(resolve));
    return text("x");
  }, async (port, server) => {
    const waiting = await RawConnection.to(port, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
    const idle = await RawConnection.to(port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    await idle.readUntil("\r\n\r\nx");
    const half = await RawConnection.to(port, "GET / HT");
    await until(() => server.openConnections === 3, "all connected");
    await server.stop();
    for (const raw of [waiting, idle, half]) {
      assert.equal(await raw.readUntil(), "");
      raw.close();
    }
    await until(() => server.openConnections === 0, "closed");
  });
});
