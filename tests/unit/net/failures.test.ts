import assert from "node:assert/strict";
import {
  createRouteClient,
  createTargetClient,
  DIRECT_ROUTE,
  type HttpClient,
  NetError,
  type NetErrorKind,
} from "../../../src/net/mod.ts";
import { makeCertificates } from "../../support/net_certificates.ts";
import { chunk, startAnswering, startResetting, startServer, unusedPort } from "../../support/net_servers.ts";

const CLIENTS: readonly (readonly [string, () => HttpClient])[] = [
  ["route client", () => createRouteClient(DIRECT_ROUTE)],
  ["target client", createTargetClient],
];

/** Runs a test with each of the two clients. */
function withEach(name: string, run: (client: HttpClient) => Promise<void>): void {
  for (const [clientName, create] of CLIENTS) {
    Deno.test(`${clientName} ${name}`, async () => {
      const client = create();
      try {
        await run(client);
      } finally {
        client.close();
      }
    });
  }
}

const post = (client: HttpClient, url: string, signal?: AbortSignal) =>
  client.request({
    method: "POST",
    url,
    headers: [["content-type", "application/json"]],
    body: "{}",
    signal,
  });

async function failure(work: Promise<unknown>): Promise<NetError> {
  const error = await work.then(() => undefined, (error: unknown) => error);
  assert.ok(error instanceof NetError, `expected a NetError, not ${error}`);
  return error;
}

async function assertFails(
  work: Promise<unknown>,
  kind: NetErrorKind,
  detail: RegExp,
  requestWritten: boolean,
): Promise<void> {
  const error = await failure(work);
  assert.deepEqual([error.kind, error.requestWritten], [kind, requestWritten], error.detail);
  assert.match(error.detail, detail);
  assert.equal(error.message, error.detail);
  assert.doesNotMatch(error.detail, /secret|:\/\//, "no URL and nothing of one");
  assert.ok(error.cause !== undefined || kind === "eof" || kind === "unexpected_eof" || kind === "unknown");
}

withEach("reports an unknown host name as dns, nothing written [P-122, P-132]", async (client) => {
  const url = "http://no-such-host.invalid/path?secret=1";
  await assertFails(post(client, url), "dns", /^host name /, false);
});

withEach(
  "reports a refused connection as connection_refused, nothing written [P-123, P-132]",
  async (client) => {
    const url = `http://127.0.0.1:${unusedPort()}/?secret=dns%20error`;
    await assertFails(post(client, url), "connection_refused", /^connection refused$/, false);
  },
);

withEach(
  "reports a connection that closes without an answer as eof, perhaps written [P-122]",
  async (client) => {
    await using server = startServer(async (peer) => {
      await peer.request();
    });
    await assertFails(
      post(client, `${server.origin}/?secret=1`),
      "eof",
      /^connection closed without an answer$/,
      true,
    );
  },
);

withEach("reports a reset after the request as connection_reset, perhaps written [P-122]", async (client) => {
  await using server = await startResetting((socket) => socket.once("data", () => socket.resetAndDestroy()));
  await assertFails(
    post(client, `${server.origin}/`),
    "connection_reset",
    /^connection reset by peer$/,
    true,
  );
});

withEach("reports a reset in the middle of a body as a broken connection [P-122]", async (client) => {
  let reset = () => {};
  await using server = await startResetting((socket) => {
    socket.once("data", () => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc"));
    reset = () => socket.resetAndDestroy();
  });
  const response = await post(client, `${server.origin}/`);
  const body = response.body.chunks();
  assert.equal(new TextDecoder().decode((await body.next()).value), "abc");
  reset();
  const error = await failure(body.next());
  assert.equal(error.kind, "connection_reset");
  assert.equal(error.requestWritten, true);
});

for (
  const [what, answer] of [
    ["of known length", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc"],
    ["in chunks", `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${chunk("abc")}`],
  ]
) {
  withEach(`reports a body ${what} that is cut off as unexpected_eof [P-122]`, async (client) => {
    await using server = startServer(async (peer) => {
      await peer.request();
      await peer.send(answer);
    });
    for (const read of ["text", "bytes"] as const) {
      const response = await post(client, `${server.origin}/`);
      assert.equal(response.status, 200);
      await assertFails(response.body[read](), "unexpected_eof", /before the end of the answer/, true);
    }
    const response = await post(client, `${server.origin}/`);
    const reading = Array.fromAsync(response.body.chunks());
    await assertFails(reading, "unexpected_eof", /before the end of the answer/, true);
  });
}

withEach("reports an answer that is not HTTP as unknown, written [P-122]", async (client) => {
  await using server = startServer(async (peer) => {
    await peer.request();
    await peer.send("220 mail.example ESMTP secret\r\n\r\n");
  });
  await assertFails(post(client, `${server.origin}/`), "unknown", /./, true);
});

withEach("reports a plain port spoken to with TLS [P-122]", async (client) => {
  await using server = startServer(async (peer) => {
    await peer.bytes(1);
    await peer.send("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
    await peer.end();
  });
  const url = `${server.origin.replace("http:", "https:")}/?secret=1`;
  await assertFails(post(client, url), "tls", /^peer does not speak TLS$/, false);
});

withEach(
  "reports a connection that closes during the TLS handshake as eof, nothing written [P-122]",
  async (client) => {
    await using server = startServer(async (peer) => {
      await peer.bytes(1);
    });
    const url = `${server.origin.replace("http:", "https:")}/`;
    await assertFails(post(client, url), "eof", /during the TLS handshake/, false);
  },
);

withEach(
  "reports certificates that are not trusted as tls, with the reason, nothing written [P-122]",
  async (client) => {
    await using certificates = await makeCertificates();
    for (
      const [certificate, detail] of [
        [certificates.selfSigned, /unknown authority$/],
        [certificates.good, /^certificate of unknown authority$/],
        [certificates.expired, /^certificate expired$/],
      ] as const
    ) {
      await using server = startAnswering((peer) => peer.ok("never"), certificate);
      await assertFails(post(client, `${server.origin}/?secret=1`), "tls", detail, false);
    }
  },
);

withEach(
  "throws the signal's reason while it waits for an answer that never comes [P-191]",
  async (client) => {
    await using server = startServer(async (peer) => {
      await peer.request();
      arrived.resolve();
      await peer.end();
    });
    const arrived = Promise.withResolvers<void>();
    const stop = new AbortController();
    const reason = new Error("deadline");
    const waiting = post(client, `${server.origin}/`, stop.signal);
    await arrived.promise;
    stop.abort(reason);
    await assert.rejects(waiting, (error) => error === reason);
    await server.whenOpen(0);
  },
);

withEach("throws the signal's reason while a body is read, whatever kind it is [P-191]", async (client) => {
  await using server = startServer(async (peer) => {
    await peer.request();
    await peer.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc");
    await peer.end();
  });
  for (const read of ["text", "bytes", "chunks"] as const) {
    const stop = new AbortController();
    const response = await post(client, `${server.origin}/`, stop.signal);
    const reading = read === "chunks" ? Array.fromAsync(response.body.chunks()) : response.body[read]();
    stop.abort("an odd reason");
    await assert.rejects(reading, (error) => error === "an odd reason", read);
    await server.whenOpen(0);
  }
});

withEach("throws the signal's reason when the body is read only after the abort [P-191]", async (client) => {
  await using server = startAnswering((peer) => peer.ok("complete"));
  const stop = new AbortController();
  const response = await post(client, `${server.origin}/`, stop.signal);
  stop.abort(new Error("too late"));
  await assert.rejects(response.body.text(), /too late/);
  client.close();
  await server.whenOpen(0);
});

withEach("sends nothing when the signal is aborted beforehand [P-133]", async (client) => {
  await using server = startAnswering((peer) => peer.ok("never"));
  const reason = new Error("stopped");
  await assert.rejects(
    post(client, `${server.origin}/`, AbortSignal.abort(reason)),
    (error) => error === reason,
  );
  assert.equal(server.accepted, 0);
});

withEach("refuses what cannot be sent before anything is sent [HD-1]", async (client) => {
  await using server = startAnswering((peer) => peer.ok("never"));
  const url = `${server.origin}/`;
  for (
    const headers of [[["bad name", "x"]], [["x-injected", "a\r\nx-evil: b"]], [["", "x"]]] as [
      string,
      string,
    ][][]
  ) {
    const error = await failure(client.request({ method: "POST", url, headers, body: "{}" }));
    assert.deepEqual([error.kind, error.requestWritten], ["unknown", false]);
    assert.doesNotMatch(error.detail, /evil/);
  }
  assert.equal(server.accepted, 0);
});
