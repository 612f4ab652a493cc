import assert from "node:assert/strict";
import {
  createRouteClient,
  environmentProxy,
  NetError,
  type NetErrorKind,
  type NetErrorReason,
  type Route,
} from "../../../src/net/mod.ts";
import { hasNodeTls } from "../../../src/net/node_tls.ts";
import { makePki, type Pki, TARGET_HOST } from "../../support/net_pki.ts";
import { startProxy } from "../../support/net_proxies.ts";
import { startAnswering, startServer, unusedPort } from "../../support/net_servers.ts";

const LIMITS = { connectMs: 400, handshakeMs: 400 };

async function failureOf(route: Route, url: string): Promise<NetError> {
  const client = createRouteClient(route);
  try {
    const { status } = await client.request({ method: "POST", url, headers: [], body: "{}" });
    assert.fail(`expected a failure, not status ${status}`);
  } catch (error) {
    assert.ok(error instanceof NetError, String(error));
    assert.doesNotMatch(error.explanation, /secret|pw/, "no secret and no path");
    return error;
  } finally {
    client.close();
  }
}

/** How a target is reached: each gives a route and the URL that leads to a port of this machine. */
type Path = (pki: Pki, port: number) => Promise<{ route: Route; origin: string } & AsyncDisposable>;

const direct: Path = (pki, port) =>
  Promise.resolve({
    route: { proxy: { kind: "none" }, tls: { caPem: pki.authority }, timeouts: LIMITS },
    origin: `localhost:${port}`,
    async [Symbol.asyncDispose]() {},
  });

const through = (kind: "http" | "https" | "socks5"): Path => (pki, port) => {
  const proxy = startProxy({ kind, certificate: pki.good, leadsTo: port });
  const choice = kind === "socks5"
    ? environmentProxy({ HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url })
    : { kind: "explicit", url: proxy.url } as const;
  return Promise.resolve({
    route: { proxy: choice, tls: { caPem: pki.authority }, timeouts: LIMITS },
    origin: `${TARGET_HOST}:7777`,
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  });
};

const unix: Path = async (pki, port) => {
  const folder = await Deno.makeTempDir();
  const listener = Deno.listen({ transport: "unix", path: `${folder}/s` });
  const joining: Promise<void>[] = [];
  const { join } = await import("../../support/net_proxies.ts");
  const accepting = (async () => {
    for await (const conn of listener) {
      joining.push(join(conn, await Deno.connect({ hostname: "127.0.0.1", port })));
    }
  })();
  return {
    route: {
      proxy: { kind: "none" },
      unixSocket: `${folder}/s`,
      tls: { caPem: pki.authority },
      timeouts: LIMITS,
    },
    origin: `${TARGET_HOST}:7777`,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      await Promise.all(joining);
      await Deno.remove(folder, { recursive: true });
    },
  };
};

const PATHS: readonly (readonly [string, Path])[] = [
  ["direct", direct],
  ["http proxy", through("http")],
  ["https proxy", through("https")],
  ["SOCKS proxy", through("socks5")],
  ["Unix socket", unix],
];

Deno.test("a certificate that is not trusted has its reason on every path, and nothing is sent [P-122, TL-3]", async (t) => {
  await using pki = await makePki();
  const cases = [
    [pki.expired, "tls-expired", "certificate expired"],
    [pki.early, "tls-not-yet-valid", "certificate not valid yet"],
    [pki.otherName, "tls-wrong-host", "wrong host name in certificate"],
    [pki.foreign, "tls-unknown-authority", "certificate of unknown authority"],
  ] as const;
  for (const [name, path] of PATHS) {
    const ignore = !hasNodeTls && (name === "https proxy" || name === "Unix socket");
    await t.step({
      name,
      ignore,
      fn: async () => {
        for (const [certificate, reason, detail] of cases) {
          await using target = startAnswering((peer) => peer.ok("never"), certificate);
          await using way = await path(pki, target.port);
          const error = await failureOf(way.route, `https://${way.origin}/secret`);
          assert.deepEqual(
            [error.kind, error.reason, error.detail, error.peer, error.requestWritten],
            ["tls", reason, detail, `https://${way.origin}`, false],
          );
          assert.match(error.explanation, new RegExp(`^https://${way.origin}: ${detail}; \\w+`));
        }
      },
    });
  }
});

Deno.test("a target that speaks no TLS, closes, or stays silent is told apart on every path [P-122, HT-8]", async (t) => {
  await using pki = await makePki();
  const cases:
    readonly (readonly [string, "plain" | "closes" | "silent", NetErrorKind, NetErrorReason, RegExp])[] = [
      ["no TLS", "plain", "tls", "tls-protocol", /^peer does not speak TLS$/],
      ["closed", "closes", "eof", "closed", /^connection closed during the TLS handshake$/],
      ["silent", "silent", "timeout", "timeout", /^no TLS handshake within 400 ms$/],
    ];
  for (const [name, path] of PATHS) {
    const ignore = !hasNodeTls && (name === "https proxy" || name === "Unix socket");
    await t.step({
      name,
      ignore,
      fn: async () => {
        for (const [, behaviour, kind, reason, detail] of cases) {
          await using target = startServer(async (peer) => {
            await peer.bytes(1);
            if (behaviour === "plain") {
              await peer.send("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
            }
            if (behaviour !== "closes") await peer.end();
          });
          await using way = await path(pki, target.port);
          const error = await failureOf(way.route, `https://${way.origin}/secret`);
          assert.deepEqual(
            [error.kind, error.reason, error.requestWritten],
            [kind, reason, false],
            error.detail,
          );
          assert.match(error.detail, detail);
          assert.equal(error.peer, `https://${way.origin}`);
        }
      },
    });
  }
});

Deno.test("a peer that speaks only HTTP/2 is refused in words [HT-7]", async () => {
  await using pki = await makePki();
  const listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, ...pki.good, alpnProtocols: ["h2"] });
  const accepting = (async () => {
    for await (const conn of listener) {
      await conn.handshake().catch((error) => assert.ok(error instanceof Deno.errors.InvalidData));
      conn.close();
    }
  })();
  await using way = await direct(pki, (listener.addr as Deno.NetAddr).port);
  const error = await failureOf(way.route, `https://${way.origin}/`);
  assert.deepEqual([error.kind, error.reason], ["tls", "tls-protocol"]);
  assert.match(error.explanation, /peer does not offer HTTP\/1\.1; .*HTTP\/1\.1/);
  listener.close();
  await accepting;
});

Deno.test("a proxy's refusals are the proxy's, for tunnels and for requests that it passes on [PX-8]", async (t) => {
  await using pki = await makePki();
  const bad = "user:pw@";
  const cases: readonly {
    name: string;
    proxy: Parameters<typeof startProxy>[0];
    userInfo?: string;
    scheme: "http" | "https";
    expected: [NetErrorKind, NetErrorReason, RegExp];
    written?: boolean;
  }[] = [
    {
      name: "CONNECT without credentials",
      proxy: { credentials: { username: "a", password: "b" } },
      scheme: "https",
      expected: ["dial", "proxy-auth", /^proxy wants credentials \(407\)$/],
    },
    {
      name: "CONNECT with the wrong ones",
      proxy: { credentials: { username: "a", password: "b" } },
      userInfo: bad,
      scheme: "https",
      expected: ["dial", "proxy-auth", /^proxy does not accept the credentials \(407\)$/],
    },
    {
      name: "absolute form without credentials",
      proxy: { credentials: { username: "a", password: "b" } },
      scheme: "http",
      expected: ["dial", "proxy-auth", /^proxy wants credentials \(407\)$/],
      written: true,
    },
    {
      name: "SOCKS without credentials",
      proxy: { kind: "socks5", credentials: { username: "a", password: "b" } },
      scheme: "http",
      expected: ["dial", "proxy-auth", /^proxy wants credentials$/],
    },
    {
      name: "SOCKS with the wrong ones",
      proxy: { kind: "socks5", credentials: { username: "a", password: "b" } },
      userInfo: bad,
      scheme: "https",
      expected: ["dial", "proxy-auth", /^proxy does not accept the credentials$/],
    },
    {
      name: "CONNECT 403",
      proxy: { deny: 403 },
      scheme: "https",
      expected: ["dial", "proxy-refused", /^proxy refused to connect \(403\)$/],
    },
    {
      name: "CONNECT 502",
      proxy: { leadsTo: unusedPort() },
      scheme: "https",
      expected: ["dial", "proxy-refused", /^proxy refused to connect \(502\)$/],
    },
    {
      name: "SOCKS ruleset",
      proxy: { kind: "socks5", deny: 2 },
      scheme: "https",
      expected: ["dial", "proxy-refused", /not allowed by its rules/],
    },
    {
      name: "SOCKS target refused",
      proxy: { kind: "socks5", leadsTo: unusedPort() },
      scheme: "http",
      expected: ["dial", "proxy-refused", /connection refused by the target/],
    },
    {
      name: "CONNECT dropped",
      proxy: { drops: true },
      scheme: "https",
      expected: ["eof", "proxy-refused", /^proxy closed the connection$/],
    },
    {
      name: "CONNECT silent",
      proxy: { silent: true },
      scheme: "https",
      expected: ["timeout", "proxy-unreachable", /^no answer to a request to connect within 400 ms$/],
    },
    {
      name: "SOCKS silent",
      proxy: { kind: "socks5", silent: true },
      scheme: "http",
      expected: ["timeout", "proxy-unreachable", /^no answer to a request to connect within 400 ms$/],
    },
  ];
  for (const { name, proxy: options, userInfo = "", scheme, expected, written = false } of cases) {
    await t.step(name, async () => {
      await using proxy = startProxy(options);
      const url = proxy.url.replace("://", `://${userInfo}`);
      const route: Route = {
        proxy: environmentProxy({ HTTP_PROXY: url, HTTPS_PROXY: url }),
        tls: { caPem: pki.authority },
        timeouts: LIMITS,
      };
      const error = await failureOf(route, `${scheme}://${TARGET_HOST}/secret`);
      const [kind, reason, detail] = expected;
      assert.deepEqual(
        [error.kind, error.reason, error.requestWritten],
        [kind, reason, written],
        error.detail,
      );
      assert.match(error.detail, detail);
      assert.equal(error.peer, `proxy ${proxy.url}`, "named, without credentials");
      assert.match(error.explanation, new RegExp(`^proxy ${proxy.url}: .*; \\w+`));
    });
  }
});

Deno.test("a proxy that cannot be reached or trusted is named as such [P-123]", async (t) => {
  await using pki = await makePki();
  await using expired = startProxy({ kind: "https", certificate: pki.expired });
  await using foreign = startProxy({ kind: "https", certificate: pki.foreign });
  await using noProxy = startServer(async (peer) => {
    await peer.bytes(1);
    await peer.send("220 mail.example ESMTP secret\r\n\r\n");
  });
  const cases: readonly [string, string, NetErrorKind, NetErrorReason][] = [
    ["refused", `http://127.0.0.1:${unusedPort()}`, "connection_refused", "proxy-unreachable"],
    ["unknown name", "http://no-such-proxy.invalid:3128", "dns", "proxy-unreachable"],
    ["expired", expired.url, "tls", "tls-expired"],
    ["unknown authority", foreign.url, "tls", "tls-unknown-authority"],
    ["no TLS", noProxy.origin.replace("http:", "https:"), "tls", "tls-protocol"],
    ["no proxy", noProxy.origin, "dial", "proxy-protocol"],
  ];
  for (const [name, url, kind, reason] of cases) {
    await t.step(name, async () => {
      const tls = { caPem: pki.authority };
      const route: Route = {
        proxy: { kind: "explicit", url: url.replace("://", "://user:pw@") },
        tls,
        timeouts: LIMITS,
      };
      const error = await failureOf(route, `https://${TARGET_HOST}/secret`);
      assert.deepEqual([error.kind, error.reason, error.requestWritten], [kind, reason, false], error.detail);
      assert.equal(error.peer, `proxy ${url}`);
    });
  }
});

Deno.test("a proxy URL that cannot be used is never shown [PX-1]", async () => {
  for (
    const url of ["socks5://user:pw@h:1", "ftp://user:pw@h", "http://user:pw@", "http://user:pw@h:99999999"]
  ) {
    const error = await failureOf({ proxy: { kind: "explicit", url }, tls: {} }, "https://target.invalid/");
    assert.deepEqual([error.kind, error.requestWritten], ["dial", false]);
  }
});

Deno.test("aborting ends the way to a target at once [P-191]", async () => {
  await using pki = await makePki();
  const kinds = hasNodeTls ? ["http", "https", "socks5"] as const : ["http", "socks5"] as const;
  for (const kind of kinds) {
    await using target = startServer((peer) => peer.end());
    await using way = await through(kind)(pki, target.port);
    const stop = new AbortController();
    const client = createRouteClient({ ...way.route, timeouts: {} });
    const asking = client.request({
      method: "POST",
      url: `https://${way.origin}/`,
      headers: [],
      signal: stop.signal,
    });
    const reason = new Error("deadline");
    await Promise.all([
      assert.rejects(asking, (error) => error === reason),
      target.whenOpen(1).then(() => stop.abort(reason)),
    ]);
    // A handshake of Deno's own that is given up keeps its socket until the peer acts (see dial.ts).
    if (kind === "https") await target.whenOpen(0);
    client.close();
  }
});
