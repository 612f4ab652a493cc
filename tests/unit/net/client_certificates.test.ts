import assert from "node:assert/strict";
import { createServer, type TLSSocket } from "node:tls";
import { createRouteClient, NetError, type Route, type RouteTls } from "../../../src/net/mod.ts";
import { hasNodeTls } from "../../../src/net/node_tls.ts";
import { makePki, type Pki, TARGET_HOST } from "../../support/net_pki.ts";
import { programTest, startNginx, startOpensslServer } from "../../support/net_programs.ts";
import { join, startProxy } from "../../support/net_proxies.ts";
import type { Certificate } from "../../support/net_certificates.ts";

const tlsOf = (pki: Pki, client: Certificate, origin: string): RouteTls => ({
  caPem: pki.authority,
  clientCertificate: { certPem: client.cert, keyPem: client.key, origin },
});

async function ask(route: Route, url: string): Promise<string> {
  const client = createRouteClient(route);
  try {
    const { status, body } = await client.request({
      method: "POST",
      url,
      headers: [],
      body: "x".repeat(40_000),
    });
    return `${status} ${(await body.text()).trim()}`;
  } finally {
    client.close();
  }
}

/** An nginx that wants a certificate of the clients' authority and tells whose it got. */
const demandingNginx = (pki: Pki) =>
  startNginx((port) => [
    `listen 127.0.0.1:${port} ssl;`,
    "server_name localhost;",
    `ssl_certificate ${pki.folder}/good.pem;`,
    `ssl_certificate_key ${pki.folder}/good.key;`,
    `ssl_client_certificate ${pki.folder}/clients.pem;`,
    "ssl_verify_client on;",
    'location / { return 200 "$ssl_client_s_dn $ssl_protocol"; }',
  ]);

programTest(
  ["nginx"],
  "an nginx that demands a client certificate gets it on every path [TL-5, CFG-56]",
  async () => {
    await using pki = await makePki();
    await using nginx = await demandingNginx(pki);
    const port = nginx.port;
    const localTls = tlsOf(pki, pki.client, `https://localhost:${port}`);
    assert.match(
      await ask({ proxy: { kind: "none" }, tls: localTls }, `https://localhost:${port}/`),
      /^200 CN=client TLS/,
    );

    const far = `https://${TARGET_HOST}:7777`;
    const tls = tlsOf(pki, pki.client, `${far}/mcp`);
    for (const kind of ["http", "https"] as const) {
      await using proxy = startProxy({ kind, certificate: pki.good, leadsTo: port });
      const route: Route = { proxy: { kind: "explicit", url: proxy.url }, tls };
      if (hasNodeTls) assert.match(await ask(route, `${far}/`), /^200 CN=client TLS/, kind);
      else await assert.rejects(ask(route, `${far}/`), /needs Deno 2\.9/);
      assert.deepEqual(proxy.tunnels, [`${TARGET_HOST}:7777`]);
    }

    const folder = await Deno.makeTempDir();
    const listener = Deno.listen({ transport: "unix", path: `${folder}/s` });
    const accepting = (async () => {
      for await (const conn of listener) {
        await join(
          conn,
          await Deno.connect({ hostname: "127.0.0.1", port }),
        );
      }
    })();
    const route: Route = { proxy: { kind: "none" }, unixSocket: `${folder}/s`, tls };
    if (hasNodeTls) assert.match(await ask(route, `${far}/`), /^200 CN=client TLS/);
    else await assert.rejects(ask(route, `${far}/`), /needs Deno 2\.9/);
    listener.close();
    await accepting;
    await Deno.remove(folder, { recursive: true });
  },
);

programTest(
  ["nginx"],
  "a client certificate is for its origin only: another port does not get it [TL-6, CFG-57]",
  async () => {
    await using pki = await makePki();
    await using nginx = await demandingNginx(pki);
    const tls = tlsOf(pki, pki.client, `https://localhost:1`);
    const answer = await ask({ proxy: { kind: "none" }, tls }, `https://localhost:${nginx.port}/`);
    assert.match(answer, /^400 .*No required SSL certificate was sent/s);
  },
);

interface WatchedServer extends AsyncDisposable {
  readonly port: number;
  /** Common name that each connection showed; empty when it showed none. */
  readonly shown: readonly string[];
}

/** Asks for a client certificate and writes down what it gets. */
async function startAsking(
  certificate: Certificate,
  options: { ca: string; demands: boolean; serve: (socket: TLSSocket) => void },
): Promise<WatchedServer> {
  const shown: string[] = [];
  const sockets = new Set<TLSSocket>();
  const server = createServer({
    ...certificate,
    ca: options.ca,
    requestCert: true,
    rejectUnauthorized: options.demands,
  }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    shown.push(String(socket.getPeerCertificate()?.subject?.CN ?? ""));
    options.serve(socket);
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen({ port: 0, host: "127.0.0.1" }, resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return {
    port: address.port,
    shown,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

Deno.test({
  name: "a client certificate is never shown to a proxy that asks for one [TL-6]",
  ignore: !hasNodeTls, // needs a server of node:tls
  fn: async () => {
    await using pki = await makePki();
    const requests: string[] = [];
    await using proxy = await startAsking(pki.good, {
      ca: pki.clientAuthority,
      demands: false,
      serve: (socket) =>
        socket.on("data", (bytes) => {
          requests.push(String(bytes).split("\r\n")[0] ?? "");
          socket.write("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
        }),
    });
    const url = `https://localhost:${proxy.port}`;
    // Even where the proxy has the very origin that the certificate is for.
    const tls = tlsOf(pki, pki.client, url);
    const route: Route = { proxy: { kind: "explicit", url }, tls };
    await assert.rejects(ask(route, `https://localhost:${proxy.port}/`), { reason: "proxy-refused" });
    assert.equal(await ask(route, `http://${TARGET_HOST}/`), "403 ");
    assert.deepEqual(proxy.shown, ["", ""]);
    assert.deepEqual(requests.map((line) => line.split(" ")[0]), ["CONNECT", "POST"]);
  },
});

for (const version of ["-tls1_2", "-tls1_3"] as const) {
  programTest(
    ["openssl"],
    `a missing, unknown or expired client certificate has its reason, ${version} [P-122]`,
    async () => {
      await using pki = await makePki();
      await using server = await startOpensslServer(pki.folder, version);
      const origin = `https://localhost:${server.port}`;
      const get = async (tls: RouteTls) => {
        const client = createRouteClient({ proxy: { kind: "none" }, tls });
        try {
          const { status, body } = await client.request({ method: "GET", url: `${origin}/`, headers: [] });
          body.cancel();
          return status;
        } finally {
          client.close();
        }
      };
      const reasonOf = async (tls: RouteTls) => {
        const error = await get(tls).then(String, (error: unknown) => error);
        assert.ok(error instanceof NetError, String(error));
        assert.deepEqual([error.kind, error.peer], ["tls", origin], error.detail);
        return error.reason;
      };
      const missing = version === "-tls1_2" ? "tls-protocol" : "tls-client-certificate-required";
      const error = await reasonOf({ caPem: pki.authority });
      assert.equal(error, missing, "TLS 1.2 has no word of its own for it");
      assert.equal(await reasonOf(tlsOf(pki, pki.strangeClient, origin)), "tls-client-certificate-refused");
      assert.equal(await reasonOf(tlsOf(pki, pki.expiredClient, origin)), "tls-client-certificate-refused");
      assert.equal(await get(tlsOf(pki, pki.client, origin)), 200);
    },
  );
}

Deno.test({
  name: "a target that is not trusted gets no client certificate [TL-6]",
  ignore: !hasNodeTls,
  fn: async () => {
    await using pki = await makePki();
    for (const certificate of [pki.expired, pki.otherName, pki.foreign]) {
      await using target = await startAsking(certificate, {
        ca: pki.clientAuthority,
        demands: false,
        serve: () => {},
      });
      const origin = `https://localhost:${target.port}`;
      const asking = ask({ proxy: { kind: "none" }, tls: tlsOf(pki, pki.client, origin) }, origin);
      await assert.rejects(asking, { kind: "tls" });
      assert.ok(target.shown.every((name) => name === ""), `shown: ${target.shown}`);
    }
  },
});
