import assert from "node:assert/strict";
import {
  createTargetClient,
  type Dial,
  type HttpClient,
  NetError,
  type TargetClientOptions,
  type Wire,
} from "../../../src/net/mod.ts";
import { Connection } from "../../../src/net/connection.ts";
import { dialDirect } from "../../../src/net/dial.ts";
import { ChunkedFraming } from "../../../src/net/framing.ts";
import {
  chunk,
  type RawServer,
  startAnswering,
  startServer,
  watchedSignal,
} from "../../support/net_servers.ts";

async function withClient(
  run: (client: HttpClient) => Promise<void>,
  ...settings: [options?: TargetClientOptions, dial?: Dial]
): Promise<void> {
  const client = createTargetClient(...settings);
  try {
    await run(client);
  } finally {
    client.close();
  }
}

const post = (client: HttpClient, url: string, signal?: AbortSignal) =>
  client.request({ method: "POST", url, headers: [], body: "{}", signal });

const call = async (client: HttpClient, url: string) => await (await post(client, url)).body.text();

interface WatchedDial {
  readonly dial: Dial;
  /** Resolves when a wire has reported its end, or bytes that end so. */
  readonly seen: (end: null | string) => Promise<void>;
  /** How many wires are open on this side. */
  readonly open: () => number;
}

/** Dials really, and tells what happens. */
function watchedDial(): WatchedDial {
  const reads: (null | string)[] = [];
  const waiting = new Set<() => void>();
  let open = 0;
  const dial: Dial = async (endpoint, signal) => {
    const wire = await dialDirect(endpoint, signal);
    open++;
    return {
      read: async (into) => {
        const count = await wire.read(into);
        reads.push(count === null ? null : new TextDecoder().decode(into.subarray(0, count)));
        waiting.forEach((check) => check());
        return count;
      },
      write: (bytes) => wire.write(bytes),
      close: () => {
        open--;
        wire.close();
      },
    };
  };
  const seen = (end: null | string) =>
    new Promise<void>((resolve) => {
      const check = () => {
        if (!reads.some((read) => end === null ? read === null : read?.endsWith(end))) return;
        waiting.delete(check);
        setTimeout(resolve, 0); // so that who waits for the read itself comes first
      };
      waiting.add(check);
      check();
    });
  return { dial, seen, open: () => open };
}

Deno.test("1000 requests leave no connection behind after close()", async () => {
  await using server = startAnswering((peer, { lines }) =>
    lines[0].includes("/stream")
      ? peer.send(
        `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk("data: 1\n\n")}`,
        chunk("data: 2\n\n"),
        "0\r\n\r\n",
      )
      : peer.ok("{}")
  );
  const { signal, listeners } = watchedSignal();
  await withClient(async (client) => {
    const worker = async (paths: string[]) => {
      for (let count = 0; count < 1000 / 20; count++) {
        const response = await post(client, server.origin + paths[count % paths.length], signal);
        if (count % 7 === 0) response.body.cancel();
        else if (count % 3 === 0) await Array.fromAsync(response.body.chunks());
        else await response.body.text();
      }
    };
    await Promise.all(Array.from({ length: 20 }, () => worker(["/plain", "/stream"])));
    assert.ok(server.open >= 1, "connections are kept");
    assert.ok(server.accepted < 500, `connections are reused: ${server.accepted} for 1000 requests`);
    assert.equal(listeners.size, 0, "no listener is left on the signal");
  });
  await server.whenOpen(0);
});

Deno.test("a connection is used again after each kind of body has been read to its end [P-192]", async () => {
  await using server = startAnswering((peer, { lines }) =>
    lines[0].includes("/chunked")
      ? peer.send(
        `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk("a")}${
          chunk("b")
        }0\r\nX-Trailer: x\r\n\r\n`,
      )
      : peer.ok("ab")
  );
  await withClient(async (client) => {
    for (const path of ["/length", "/chunked", "/length"]) {
      assert.equal(await call(client, server.origin + path), "ab");
      const { body } = await post(client, server.origin + path);
      assert.equal((await Array.fromAsync(body.chunks())).join(","), "97,98");
    }
    assert.equal(server.accepted, 1);
  });
});

Deno.test("requests that run at once each have a connection of their own", async () => {
  await using server = startAnswering(async (peer) => {
    if (server.open === 8) allThere.resolve();
    await allThere.promise;
    await peer.ok("{}");
  });
  const allThere = Promise.withResolvers<void>();
  await withClient(async (client) => {
    await Promise.all(Array.from({ length: 8 }, () => call(client, server.origin)));
    assert.equal(server.accepted, 8);
    await Promise.all(Array.from({ length: 8 }, () => call(client, server.origin)));
    assert.equal(server.accepted, 8);
  });
});

Deno.test("connections are shared by the URLs of one origin, and only by them", async () => {
  await using one = startAnswering((peer) => peer.ok("one"));
  await using two = startAnswering((peer) => peer.ok("two"));
  await withClient(async (client) => {
    for (const path of ["/a", "/b?c", "/"]) {
      assert.equal(await call(client, one.origin + path), "one");
      assert.equal(await call(client, two.origin + path), "two");
      assert.equal(await call(client, one.origin.replace("://", "://user:key@") + path), "one");
    }
    assert.deepEqual([one.accepted, two.accepted], [1, 1]);
    assert.equal(await call(client, one.origin.replace("127.0.0.1", "localhost")), "one");
    assert.equal(one.accepted, 2);
  });
});

for (
  const [what, answer] of [
    [
      "the answer says close",
      "HTTP/1.1 200 OK\r\nConnection: Keep-Alive, Close\r\nContent-Length: 2\r\n\r\nok",
    ],
    ["the answer is HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"],
    ["bytes follow the answer", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n"],
    ["a bodyless answer has a body", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok"],
    [
      "lengths are announced in two ways",
      `HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n${chunk("ok")}0\r\n\r\n`,
    ],
    [
      "chunks come from HTTP/1.0",
      `HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n${
        chunk("ok")
      }0\r\n\r\n`,
    ],
    [
      "the server keeps idle connections for no time",
      "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=0\r\nContent-Length: 2\r\n\r\nok",
    ],
  ]
) {
  Deno.test(`a connection is not used again when ${what} [RFC 9112 §6.3, §9.3]`, async () => {
    await using server = startAnswering((peer) => peer.send(answer));
    await withClient(async (client) => {
      for (let count = 1; count <= 3; count++) {
        assert.equal(await call(client, server.origin), answer.includes("204") ? "" : "ok");
        await server.whenOpen(0);
        assert.equal(server.accepted, count);
      }
    });
  });
}

Deno.test("a connection of HTTP/1.0 is used again when the server asks for it", async () => {
  await using server = startAnswering((peer) =>
    peer.send("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok")
  );
  await withClient(async (client) => {
    for (let count = 0; count < 3; count++) assert.equal(await call(client, server.origin), "ok");
    assert.equal(server.accepted, 1);
  });
});

Deno.test("a connection that the server closed while idle does not fail the next request", async () => {
  await using server = startServer(async (peer) => {
    await peer.request();
    await peer.ok("{}");
  });
  for (let round = 0; round < 5; round++) {
    const { dial, seen } = watchedDial();
    await withClient(
      async (client) => {
        assert.equal(await call(client, server.origin), "{}");
        await seen(null);
        assert.equal(await call(client, server.origin), "{}");
      },
      {},
      dial,
    );
  }
});

Deno.test("bytes that arrive on an idle connection are never taken for an answer", async () => {
  const { promise: parked, resolve: park } = Promise.withResolvers<void>();
  await using server = startServer(async (peer) => {
    await peer.request();
    await peer.ok(`from ${peer.number}`);
    if (peer.number === 1) {
      await parked;
      await peer.send("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    await peer.end();
  });
  await withClient(async (client) => {
    assert.equal(await call(client, server.origin), "from 1");
    park();
    await server.whenOpen(0);
    assert.equal(await call(client, server.origin), "from 2");
  });
});

Deno.test("a request is sent again only if no byte of it had left [P-132]", async (test) => {
  const answer = new TextEncoder().encode("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  /** A wire that answers once and then, when it is written to again, behaves as told. */
  function wire(
    onSecondWrite: () => number | Promise<number>,
    afterwards: () => Promise<number | null>,
  ): Wire {
    let [writes, reads] = [0, 0];
    const second = Promise.withResolvers<null>();
    return {
      async write(bytes) {
        if (++writes === 1) return bytes.length;
        second.resolve(null);
        return await onSecondWrite();
      },
      async read(into) {
        if (++reads > 1) {
          await second.promise;
          return await afterwards();
        }
        into.set(answer);
        return answer.length;
      },
      close: () => second.resolve(null),
    };
  }
  const reset = () =>
    Promise.reject(new Deno.errors.ConnectionReset("Connection reset by peer (os error 104)"));
  const refuse = () => {
    throw new Deno.errors.BrokenPipe("Broken pipe (os error 32)");
  };
  const refuseLater = () =>
    new Promise<number>((_resolve, reject) => {
      setTimeout(() => reject(new Deno.errors.BrokenPipe("Broken pipe (os error 32)")), 0);
    });
  const cases: [
    string,
    string,
    () => number | Promise<number>,
    () => Promise<number | null>,
    number,
    object | undefined,
  ][] = [
    ["write fails", "http", refuse, reset, 2, undefined],
    ["write fails a little later", "http", refuseLater, reset, 2, undefined],
    ["write fails, stream ends", "http", refuse, () => Promise.resolve(null), 2, undefined],
    ["part was written", "http", () => 10, reset, 1, { kind: "connection_reset", requestWritten: true }],
    ["all was written", "http", () => 200, () => Promise.resolve(null), 1, {
      kind: "eof",
      requestWritten: true,
    }],
    ["encrypted write fails", "https", refuse, reset, 1, { kind: "connection_reset", requestWritten: true }],
  ];
  for (const [name, scheme, onSecondWrite, afterwards, dials, failure] of cases) {
    await test.step(name, async () => {
      let dialled = 0;
      const dial: Dial = () => {
        dialled++;
        return Promise.resolve(wire(onSecondWrite, afterwards));
      };
      await withClient(
        async (client) => {
          const url = `${scheme}://target.example/`;
          assert.equal(await call(client, url), "ok");
          if (failure === undefined) assert.equal(await call(client, url), "ok");
          else await assert.rejects(call(client, url), failure);
          assert.equal(dialled, dials);
        },
        {},
        dial,
      );
    });
  }
});

Deno.test("an idle connection is closed after the idle timeout [HT-8]", async () => {
  await using server = startAnswering((peer) => peer.ok("{}"));
  await withClient(async (client) => {
    assert.equal(await call(client, server.origin), "{}");
    await server.whenOpen(0);
    assert.equal(await call(client, server.origin), "{}");
    assert.equal(server.accepted, 2);
  }, { idleTimeoutMs: 30 });
});

Deno.test("an idle connection is given up before the server's announced timeout", async () => {
  await using server = startAnswering((peer) => peer.ok("{}", "Keep-Alive: max=10, timeout=5"));
  await withClient(async (client) => {
    await call(client, server.origin);
    using clock = shiftedClock();
    clock.aheadMs += 3900;
    await call(client, server.origin);
    assert.equal(server.accepted, 1, "used again while it is fresh");
    clock.aheadMs += 4100;
    await call(client, server.origin);
    assert.equal(server.accepted, 2, "not used again shortly before the server closes it");
  });
});

Deno.test("a connection that was idle for long is used only after news of its end had a chance", async () => {
  await using server = startAnswering((peer) => peer.ok("{}"));
  const { dial, open } = watchedDial();
  let dialled = 0;
  const endSoon = Promise.withResolvers<null>();
  const firstEnds: Dial = async (endpoint, signal) => {
    const wire = await dial(endpoint, signal);
    if (++dialled > 1) return wire;
    let reads = 0;
    return { ...wire, read: (into) => ++reads > 1 ? endSoon.promise : wire.read(into) };
  };
  await withClient(
    async (client) => {
      await call(client, server.origin);
      using clock = shiftedClock();
      clock.aheadMs += 2000;
      setTimeout(() => endSoon.resolve(null), 0); // as the system tells it: in the next turn, not earlier
      assert.equal(await call(client, server.origin), "{}");
      assert.deepEqual([dialled, open()], [2, 1]);
    },
    {},
    firstEnds,
  );
});

/** Moves the clock that is asked for idle times; restored at the end of the block. */
function shiftedClock(): { aheadMs: number } & Disposable {
  const { now } = performance;
  const clock = {
    aheadMs: 0,
    [Symbol.dispose]() {
      performance.now = now;
    },
  };
  performance.now = () => now.call(performance) + clock.aheadMs;
  return clock;
}

Deno.test("no more than the set number of idle connections is kept, the youngest ones [HT-8]", async () => {
  await using server = startAnswering(async (peer) => {
    if (server.open === 6) allThere.resolve();
    await allThere.promise;
    await peer.ok("{}");
  });
  const allThere = Promise.withResolvers<void>();
  await withClient(async (client) => {
    await Promise.all(Array.from({ length: 6 }, () => call(client, server.origin)));
    await server.whenOpen(2);
    await call(client, server.origin);
    assert.equal(server.accepted, 6);
  }, { maxIdleConnections: 2 });
  await server.whenOpen(0);
});

Deno.test("a client that keeps nothing closes every connection when its answer has been read", async () => {
  await using server = startAnswering((peer) => peer.ok("{}"));
  await withClient(async (client) => {
    await call(client, server.origin);
    await server.whenOpen(0);
  }, { maxIdleConnections: 0 });
});

Deno.test("close() lets running exchanges end, then closes their connections", async () => {
  await using server = startAnswering(async (peer) => {
    await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
    await closed.promise;
    await peer.send("late");
  });
  const closed = Promise.withResolvers<void>();
  const client = createTargetClient();
  const response = await post(client, server.origin);
  client.close();
  client.close();
  closed.resolve();
  assert.equal(await response.body.text(), "late");
  await server.whenOpen(0);
});

const STREAM = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk("data: 1\n\n")}`;

/** Sends one event, and then nothing. */
function startEndlessStream(): RawServer {
  return startServer(async (peer) => {
    await peer.request();
    await peer.send(STREAM);
    await peer.end();
  });
}

Deno.test("a stream whose reader leaves just before its end keeps its connection", async () => {
  const left = Promise.withResolvers<void>();
  const { dial, seen } = watchedDial();
  await using server = startAnswering(async (peer) => {
    await peer.send(STREAM);
    await left.promise;
    await peer.send("0\r\n\r\n");
  });
  await withClient(
    async (client) => {
      for await (const _piece of (await post(client, server.origin)).body.chunks()) break;
      left.resolve();
      await seen("0\r\n\r\n");
      assert.equal(await call(client, server.origin), "data: 1\n\n");
      assert.equal(server.accepted, 1);
    },
    {},
    dial,
  );
});

Deno.test("a stream whose reader leaves and that does not end is closed soon", async () => {
  await using server = startEndlessStream();
  await withClient(async (client) => {
    const { body } = await post(client, server.origin);
    body.cancel();
    body.cancel();
    await server.whenOpen(0);
  });
});

Deno.test("close() also ends the reading of what was cancelled", async () => {
  const { dial, open } = watchedDial();
  await using server = startEndlessStream();
  const client = createTargetClient({}, dial);
  (await post(client, server.origin)).body.cancel();
  assert.equal(open(), 1, "the rest is being read");
  client.close();
  assert.equal(open(), 0);
  await server.whenOpen(0);
});

Deno.test("cancelling a body that somebody waits for ends the wait and closes the connection at once", async () => {
  await using server = startServer(async (peer) => {
    await peer.request();
    await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    await peer.end();
  });
  const { dial, seen, open } = watchedDial();
  await withClient(
    async (client) => {
      for (const read of ["text", "chunks"] as const) {
        const { body } = await post(client, server.origin);
        const reading = read === "text" ? body.text() : Array.fromAsync(body.chunks());
        const rejected = assert.rejects(reading, { kind: "connection_closed" });
        await seen("abc");
        body.cancel();
        assert.equal(open(), 0);
        await rejected;
        await server.whenOpen(0);
      }
    },
    {},
    dial,
  );
});

Deno.test("a connection is closed as soon as the framing on it is broken", () => {
  let closed = 0;
  const wire: Wire = {
    read: () => Promise.resolve(null),
    write: () => Promise.resolve(0),
    close: () => closed++,
  };
  const connection = new Connection(wire, { key: "", secure: false });
  const framing = new ChunkedFraming();
  framing.accept = () => {
    throw new NetError("unknown", "broken", true);
  };
  assert.throws(() => connection.take(framing), NetError);
  assert.deepEqual([closed, connection.closed, connection.finish()], [1, true, false]);
});

Deno.test("a large rest of a cancelled body is not read", async () => {
  await using server = startServer(async (peer) => {
    await peer.request();
    await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nabc");
    await peer.end();
  });
  const { dial, open } = watchedDial();
  await withClient(
    async (client) => {
      (await post(client, server.origin)).body.cancel();
      assert.equal(open(), 0);
      await server.whenOpen(0);
    },
    {},
    dial,
  );
});
