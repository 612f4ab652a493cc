import assert from "node:assert/strict";
import type { Route } from "../../../src/net/mod.ts";
import { hasNodeTls } from "../../../src/net/node_tls.ts";
import { makePki, TARGET_HOST } from "../../support/net_pki.ts";
import { startProxy } from "../../support/net_proxies.ts";
import type { RouteRequest } from "../../support/net_route_requests.ts";
import { startAnswering, startServer } from "../../support/net_servers.ts";

/** Deno 2.9 asks for the socket itself too; 2.7 does not know the form. */
const KNOWS_UNIX_NET = Number(Deno.version.deno.split(".")[1]) >= 9;

interface Rights {
  readonly net: string[];
  readonly files: string[];
}

async function askInWorker(requests: readonly RouteRequest[], { net, files }: Rights): Promise<string[]> {
  const worker = new Worker(new URL("../../support/net_route_requests.ts", import.meta.url), {
    type: "module",
    deno: { permissions: { net, read: files, write: files, env: false, run: false, sys: false, ffi: false } },
  });
  const ends = await new Promise<string[]>((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage(requests);
  });
  worker.terminate();
  return ends;
}

Deno.test("a Worker needs the right to its proxy only, never to the targets behind it [PX-8]", async () => {
  await using pki = await makePki();
  await using plain = startAnswering(async (peer) => {
    await peer.ok("plain", "Connection: close");
    peer.conn.close();
  });
  await using secure = startAnswering((peer) => peer.ok("secure"), pki.good);
  const tls = { caPem: pki.authority };
  await using http = startProxy({ leadsTo: plain.port });
  await using tunnels = startProxy({ leadsTo: secure.port });
  await using nested = startProxy({ kind: "https", certificate: pki.good, leadsTo: secure.port });
  const over = (url: string): Route => ({ proxy: { kind: "explicit", url }, tls });
  const requests = [
    { route: over(http.url), url: `http://${TARGET_HOST}/` },
    { route: over(tunnels.url), url: `https://${TARGET_HOST}/` },
    { route: over(nested.url), url: `https://${TARGET_HOST}/` },
    { route: { proxy: { kind: "none" }, tls } as const, url: `https://${TARGET_HOST}/` },
  ];
  const net = [`127.0.0.1:${http.port}`, `127.0.0.1:${tunnels.port}`, `localhost:${nested.port}`];
  const ends = await askInWorker(requests, { net, files: [] });
  assert.equal(ends[0], "200 plain");
  assert.equal(ends[1], "200 secure");
  assert.match(ends[2]!, hasNodeTls ? /^200 secure$/ : /needs Deno 2\.9/);
  assert.match(ends[3]!, /^sandbox: the sandbox of this profile does not allow target\.invalid/);
});

Deno.test("a Worker needs the right to its socket only [US-1]", async () => {
  await using pki = await makePki();
  await using plain = startServer(() => Promise.resolve());
  const folder = await Deno.makeTempDir();
  const path = `${folder}/s`;
  const listener = Deno.listen({ transport: "unix", path });
  const accepting = (async () => {
    for await (const conn of listener) {
      await conn.read(new Uint8Array(4096));
      await conn.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
      conn.close();
    }
  })();
  const tls = { caPem: pki.authority };
  const net = KNOWS_UNIX_NET ? [`unix:${path}`] : [];
  const ends = await askInWorker([
    { route: { proxy: { kind: "none" }, unixSocket: path, tls }, url: `http://${TARGET_HOST}/` },
    { route: { proxy: { kind: "none" }, unixSocket: `${folder}/other`, tls }, url: `http://${TARGET_HOST}/` },
    { route: { proxy: { kind: "none" }, tls }, url: plain.origin },
  ], { net, files: [path] });
  assert.equal(ends[0], "200 ok");
  assert.match(ends[1]!, /^sandbox: the sandbox of this profile does not allow/);
  assert.match(ends[2]!, /^sandbox: the sandbox of this profile does not allow/);
  assert.equal(plain.accepted, 0);
  listener.close();
  await accepting;
  await Deno.remove(folder, { recursive: true });
});
