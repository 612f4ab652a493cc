import assert from "node:assert/strict";
import { requestFollowing } from "../../../src/channels/http/redirects.ts";
import { createRouteClient, environmentProxy, type Route } from "../../../src/net/mod.ts";
import { hasNodeTls } from "../../../src/net/node_tls.ts";
import { makePki } from "../../support/net_pki.ts";
import { join, startProxy } from "../../support/net_proxies.ts";
import { startAnswering } from "../../support/net_servers.ts";

/** A socket that leads to a port of this machine. */
async function startSocket(port: number) {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/server.sock`;
  const listener = Deno.listen({ transport: "unix", path });
  const joining: Promise<void>[] = [];
  const accepting = (async () => {
    for await (const conn of listener) {
      joining.push(Deno.connect({ hostname: "127.0.0.1", port }).then((upstream) => join(conn, upstream)));
    }
  })();
  return {
    path,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      await Promise.all(joining);
      await Deno.remove(folder, { recursive: true });
    },
  };
}

Deno.test("a route with a socket dials nothing else, whatever proxy is set; Host and path are the URL's [CFG-64, US-1, US-3]", async () => {
  await using target = startAnswering((peer, { lines }) => peer.ok(`${lines[0]} ${lines[1]}`));
  await using socket = await startSocket(target.port);
  await using proxy = startProxy();
  const choices = [
    { kind: "none" },
    { kind: "explicit", url: proxy.url },
    environmentProxy({ HTTP_PROXY: proxy.url }),
  ] as const;
  for (const choice of choices) {
    const client = createRouteClient({ proxy: choice, unixSocket: socket.path, tls: {} });
    for (let count = 0; count < 2; count++) {
      const { body } = await client.request({ method: "GET", url: "http://mcp.invalid:81/a?b", headers: [] });
      assert.equal(await body.text(), "GET /a?b HTTP/1.1 host: mcp.invalid:81");
    }
    client.close();
  }
  assert.equal(target.accepted, 3, "connections are kept");
  assert.equal(proxy.accepted, 0);
});

Deno.test({
  name: "an https URL is TLS on the socket, for the URL's host [US-1]",
  ignore: !hasNodeTls,
  fn: async () => {
    await using pki = await makePki();
    const got: number[] = [];
    await using target = startAnswering(async (peer, { body }) => {
      got.push(body.length);
      await peer.ok(new Uint8Array(300_000).fill(7));
    }, pki.good);
    await using socket = await startSocket(target.port);
    const client = createRouteClient({
      proxy: { kind: "none" },
      unixSocket: socket.path,
      tls: { caPem: pki.authority },
    });
    for (const size of [0, 10, 20_000, 1_000_000]) {
      const request = { method: "POST", url: "https://target.invalid/", headers: [], body: "x".repeat(size) };
      const answer = await (await client.request(request)).body.bytes();
      assert.equal(answer.length, 300_000);
      assert.ok(answer.every((byte) => byte === 7));
    }
    assert.deepEqual(got, [0, 10, 20_000, 1_000_000]);
    assert.equal(target.accepted, 1);
    const other = client.request({ method: "GET", url: "https://elsewhere.example/", headers: [] });
    await assert.rejects(other, { reason: "tls-wrong-host" });
    client.close();
  },
});

Deno.test("a socket that is not there, or that nobody serves, is told apart [PB-9, P-123]", async () => {
  const folder = await Deno.makeTempDir();
  const stale = `${folder}/stale`;
  const listener = Deno.listen({ transport: "unix", path: stale });
  // The file stays when its server dies.
  await Deno.rename(stale, `${stale}.kept`);
  listener.close();
  for (
    const [path, reason] of [[`${folder}/none`, "socket-missing"], [`${stale}.kept`, "refused"]] as const
  ) {
    const client = createRouteClient({ proxy: { kind: "none" }, unixSocket: path, tls: {} });
    const asking = client.request({ method: "GET", url: "http://mcp.invalid/", headers: [] });
    await assert.rejects(asking, {
      kind: "connection_refused",
      reason,
      peer: `Unix socket ${path}`,
      requestWritten: false,
    });
    client.close();
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a redirect never leaves a socket for another origin, nor an origin for another, and takes no credentials there [HT-32, US-2]", async () => {
  await using outside = startAnswering((peer) => peer.ok("never"));
  let location = "";
  const paths: string[] = [];
  await using target = startAnswering(async (peer, { lines }) => {
    paths.push(lines[0]!);
    if (lines[0]!.includes("/final")) await peer.ok("final");
    else await peer.send(`HTTP/1.1 307 Moved\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`);
  });
  await using socket = await startSocket(target.port);
  const routes: readonly [Route, string][] = [
    [{ proxy: { kind: "none" }, unixSocket: socket.path, tls: {} }, "http://mcp.invalid"],
    [{ proxy: { kind: "none" }, tls: {} }, target.origin],
  ];
  for (const [route, origin] of routes) {
    const client = createRouteClient(route);
    const asking = async (to: string) => {
      location = to;
      paths.length = 0;
      const { response, refusal } = await requestFollowing(client, {
        method: "POST",
        url: `${origin}/mcp`,
        headers: () => [["authorization", "Bearer secret"], ["cookie", "a=b"], ["mcp-session-id", "s"]],
        body: "{}",
        signal: new AbortController().signal,
      });
      return `${response.status} ${refusal ?? await response.body.text()}`;
    };
    const secure = origin.replace("http:", "https:");
    for (
      const to of [
        `${outside.origin}/x`,
        `${outside.origin.replace("http:", "")}/x`,
        `${secure}/x`,
        `http://mcp.invalid.example/`,
      ]
    ) {
      assert.equal(await asking(to), "307 cross-origin", to);
      assert.equal(paths.length, 1);
    }
    for (const to of ["/final", `${origin}/final`]) assert.equal(await asking(to), "200 final");
    client.close();
  }
  assert.equal(outside.accepted, 0);
});

Deno.test("a redirect from https to http of the same host and port is not followed [HT-32]", async () => {
  await using pki = await makePki();
  await using target = startAnswering(async (peer) => {
    const location = `http://localhost:${target.port}/plain`;
    await peer.send(`HTTP/1.1 308 Moved\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`);
  }, pki.good);
  const client = createRouteClient({ proxy: { kind: "none" }, tls: { caPem: pki.authority } });
  const { response, refusal } = await requestFollowing(client, {
    method: "GET",
    url: `${target.origin}/`,
    headers: () => [["authorization", "Bearer secret"]],
    signal: new AbortController().signal,
  });
  assert.deepEqual([response.status, refusal], [308, "cross-origin"]);
  response.body.cancel();
  assert.equal(target.accepted, 1);
  client.close();
});
