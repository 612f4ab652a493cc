import assert from "node:assert/strict";
import { classifyFailure } from "../../../src/agent/failure.ts";
import { failureOf } from "../../../src/channels/http/failures.ts";
import { createRouteClient, environmentProxy, type Route } from "../../../src/net/mod.ts";
import { makePki, TARGET_HOST } from "../../support/net_pki.ts";
import { startProxy } from "../../support/net_proxies.ts";
import { startAnswering, startServer, unusedPort } from "../../support/net_servers.ts";

Deno.test("every failure of a route reaches the connector in published words, and the operator with peer and next step [P-122, LC-13]", async () => {
  await using pki = await makePki();
  await using expired = startAnswering((peer) => peer.ok("never"), pki.expired);
  await using closes = startServer(async (peer) => {
    await peer.request();
  });
  await using wants = startProxy({ credentials: { username: "a", password: "b" } });
  await using denies = startProxy({ deny: 403 });
  await using silent = startProxy({ silent: true });
  const tls = { caPem: pki.authority };
  const timeouts = { connectMs: 300, handshakeMs: 300 };
  const none = { kind: "none" } as const;
  const over = (url: string): Route => ({
    proxy: environmentProxy({ HTTP_PROXY: url, HTTPS_PROXY: url }),
    tls,
    timeouts,
  });
  const withSecret = (url: string) => url.replace("://", "://user:pw@");
  const far = `https://${TARGET_HOST}`;
  const gone = `http://127.0.0.1:${unusedPort()}`;
  const cases: readonly [Route, url: string, source: string, kind: string, peer: string][] = [
    [{ proxy: none, tls }, far, "dns", "dns", far],
    [{ proxy: none, tls }, gone, "connect", "connection_refused", gone],
    [{ proxy: none, tls }, expired.origin, "tls", "tls", expired.origin],
    [{ proxy: none, tls }, closes.origin, "transport_closed", "eof", closes.origin],
    [
      { proxy: none, tls, unixSocket: "/nowhere/s" },
      far,
      "connect",
      "connection_refused",
      "Unix socket /nowhere/s",
    ],
    [over(withSecret(wants.url)), far, "connect", "dial", `proxy ${wants.url}`],
    [over(withSecret(wants.url)), `http://${TARGET_HOST}`, "connect", "dial", `proxy ${wants.url}`],
    [over(denies.url), far, "connect", "dial", `proxy ${denies.url}`],
    [over(withSecret(silent.url)), far, "timeout", "timeout", `proxy ${silent.url}`],
    [over(withSecret(gone)), far, "connect", "connection_refused", `proxy ${gone}`],
  ];
  const { signal } = new AbortController();
  for (const [route, url, source, kind, peer] of cases) {
    const client = createRouteClient(route);
    const request = { method: "POST", url: `${url}/secret?token=pw`, headers: [], body: "{}" };
    const error = await client.request(request).then(() => undefined, (error: unknown) => error);
    client.close();
    const failure = failureOf(error, signal);
    assert.deepEqual([failure.statusCode, failure.upstreamStatus], [502, 0], peer);
    assert.deepEqual(classifyFailure(failure), { source, kind, upstreamStatus: undefined }, peer);
    assert.ok(failure.detail?.startsWith(`${peer}: `), failure.detail);
    assert.match(failure.detail ?? "", /; \w+/, "a next step");
    assert.doesNotMatch(failure.detail ?? "", /secret|token|pw/);
  }
});
