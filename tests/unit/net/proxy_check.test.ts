import assert from "node:assert/strict";
import { checkProxy, parseProxy, type ProxyCheckFailure } from "../../../src/net/mod.ts";
import { makePki, TARGET_HOST } from "../../support/net_pki.ts";
import { startProxy } from "../../support/net_proxies.ts";
import { startServer, unusedPort } from "../../support/net_servers.ts";

const never = new AbortController().signal;

Deno.test("checkProxy() asks for a tunnel with the proxy's credentials, http targets too, and sends the target nothing [PX-15]", async () => {
  await using pki = await makePki();
  const received: number[] = [];
  await using target = startServer(async (peer) => {
    received.push(await peer.end());
  });
  for (const kind of ["http", "https", "socks5"] as const) {
    await using proxy = startProxy({
      kind,
      certificate: pki.good,
      leadsTo: target.port,
      credentials: { username: "ann", password: "pw" },
    });
    const parsed = parseProxy(proxy.url.replace("://", "://ann:pw@"))!;
    for (
      const [url, address] of [[`http://${TARGET_HOST}/x`, `${TARGET_HOST}:80`], [
        `https://${TARGET_HOST}/`,
        `${TARGET_HOST}:443`,
      ]]
    ) {
      const check = await checkProxy(parsed, url!, { caPem: pki.authority }, never);
      assert.equal(check.failure, undefined);
      assert.ok(check.success && check.tcpMs! >= 0 && check.connectMs! >= 0);
      assert.equal(proxy.tunnels.at(-1), address);
    }
    assert.equal(proxy.tunnels.length, 2);
  }
  await target.whenOpen(0);
  assert.ok(received.every((bytes) => bytes === 0));
});

Deno.test("checkProxy() tells in which phase and why a proxy fails [PX-16]", async () => {
  await using pki = await makePki();
  await using silent = startProxy({ silent: true });
  await using drops = startProxy({ drops: true });
  await using denies = startProxy({ deny: 503 });
  await using wants = startProxy({ credentials: { username: "a", password: "b" } });
  await using expired = startProxy({ kind: "https", certificate: pki.expired });
  const url = `https://${TARGET_HOST}/`;
  const cases: readonly [proxy: string, url: string, phase: string, reason: string, category?: string][] = [
    [`http://127.0.0.1:${unusedPort()}`, url, "tcp", "dial_error"],
    ["http://no-such-proxy.invalid:1", url, "tcp", "dial_error"],
    [silent.url, url, "connect", "timeout"],
    [drops.url, url, "connect", "connect_error"],
    [expired.url, url, "connect", "connect_error"],
    [denies.url, url, "connect", "bad_status", "5xx"],
    [wants.url, url, "connect", "bad_status", "4xx"],
    [denies.url, "", "connect", "missing_target_host"],
  ];
  for (const [proxy, target, phase, reason, statusCategory] of cases) {
    const check = await checkProxy(parseProxy(proxy)!, target, { caPem: pki.authority, limitMs: 300 }, never);
    const { explanation, ...failure } = check.failure as ProxyCheckFailure;
    assert.deepEqual(failure, { phase, reason, statusCategory }, proxy);
    assert.equal(check.tcpMs === undefined, phase === "tcp");
    assert.ok(explanation.length > 0);
    if (target !== "") assert.ok(explanation.startsWith(`proxy ${proxy}: `), explanation);
  }
});

Deno.test("checkProxy() throws the signal's reason when it is aborted", async () => {
  await using proxy = startProxy({ silent: true });
  const stop = new AbortController();
  const reason = new Error("stopped");
  const checking = checkProxy(parseProxy(proxy.url)!, "https://a.invalid/", {}, stop.signal);
  stop.abort(reason);
  await assert.rejects(checking, (error) => error === reason);
});
