import assert from "node:assert/strict";
import { createRouteClient, NetError, type Route } from "../../../src/net/mod.ts";
import { hasNodeTls } from "../../../src/net/node_tls.ts";
import { makePki } from "../../support/net_pki.ts";
import { startProxy } from "../../support/net_proxies.ts";
import { startServer } from "../../support/net_servers.ts";

const WORKERS = 8;
const REQUESTS = 25;
/** How an exchange may end when target and caller break off as they like. */
const ENDS = new Set(["ok", "aborted", "eof", "unexpected_eof", "connection_reset", "closed_pipe"]);

Deno.test({
  name:
    "TLS inside TLS and with client certificates survives peers and callers that break off anywhere, and leaves nothing open [P-122]",
  ignore: !hasNodeTls,
  fn: async () => {
    await using pki = await makePki();
    await using target = startServer(async (peer) => {
      for (let request = await peer.request(); request !== undefined; request = await peer.request()) {
        const chance = Math.random();
        if (chance < 0.1) return;
        if (chance < 0.2) {
          return await peer.send(
            "HTTP/1.1 200 OK\r\ncontent-length: 500000\r\n\r\n",
            new Uint8Array(100_000),
          );
        }
        await peer.ok(new Uint8Array(Math.floor(Math.random() * 200_000)));
      }
    }, pki.good);
    await using proxy = startProxy({ kind: "https", certificate: pki.good, leadsTo: target.port });
    const { cert: certPem, key: keyPem } = pki.client;
    const tls = { caPem: pki.authority, clientCertificate: { certPem, keyPem, origin: target.origin } };
    const ways: readonly [Route, string][] = [
      [{ proxy: { kind: "explicit", url: proxy.url }, tls }, "https://target.invalid/"],
      [{ proxy: { kind: "none" }, tls }, target.origin],
    ];
    for (const [route, url] of ways) {
      const client = createRouteClient(route);
      const ends = new Map<string, number>();
      const ask = async () => {
        const stop = new AbortController();
        const timer = setTimeout(
          () => stop.abort("aborted"),
          Math.random() < 0.3 ? Math.random() * 20 : 60_000,
        );
        let end = "ok";
        try {
          const body = new Uint8Array(Math.floor(Math.random() * 300_000));
          const response = await client.request({
            method: "POST",
            url,
            headers: [],
            body,
            signal: stop.signal,
          });
          if (Math.random() < 0.2) response.body.cancel();
          else await response.body.bytes();
        } catch (error) {
          end = error instanceof NetError ? error.kind : String(error);
        }
        clearTimeout(timer);
        ends.set(end, (ends.get(end) ?? 0) + 1);
      };
      await Promise.all(Array.from({ length: WORKERS }, async () => {
        for (let count = 0; count < REQUESTS; count++) await ask();
      }));
      client.close();
      assert.ok([...ends.keys()].every((end) => ENDS.has(end)), [...ends.keys()].join(", "));
      assert.ok((ends.get("ok") ?? 0) > 0);
    }
    await target.whenOpen(0);
  },
});
