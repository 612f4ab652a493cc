import assert from "node:assert/strict";
import { createRouteClient, environmentProxy, type Route } from "../../../src/net/mod.ts";
import { makePki, type Pki, TARGET_HOST } from "../../support/net_pki.ts";
import { type CountingProxy, startProxy } from "../../support/net_proxies.ts";
import { hasNodeTls } from "../../../src/net/node_tls.ts";
import { startAnswering } from "../../support/net_servers.ts";

const CREDENTIALS = { username: "ann", password: "p:w %/é" };
const USER_INFO = `${CREDENTIALS.username}:${encodeURIComponent(CREDENTIALS.password)}@`;
/** Base64 of what a proxy must get and nobody else. */
const SECRET = btoa(String.fromCharCode(...new TextEncoder().encode("ann:p:w %/é")));

const withUserInfo = (url: string) => url.replace("://", `://${USER_INFO}`);

function routeOver(proxy: CountingProxy, caPem: string): Route {
  const url = withUserInfo(proxy.url);
  return proxy.url.startsWith("socks5")
    ? { proxy: environmentProxy({ HTTP_PROXY: url, HTTPS_PROXY: url }), tls: { caPem } }
    : { proxy: { kind: "explicit", url }, tls: { caPem } };
}

const post = async (route: Route, url: string, times = 1): Promise<string[]> => {
  const client = createRouteClient(route);
  try {
    const answers: string[] = [];
    for (let count = 0; count < times; count++) {
      const { status, body } = await client.request({ method: "POST", url, headers: [], body: "{}" });
      answers.push(`${status} ${await body.text()}`);
    }
    return answers;
  } finally {
    client.close();
  }
};

async function withPki(run: (pki: Pki) => Promise<void>): Promise<void> {
  await using pki = await makePki();
  await run(pki);
}

Deno.test("every kind of proxy takes every kind of target there, keeps the connection, and no credentials pass it [PX-6, PX-8, CFG-58]", async (t) => {
  await withPki(async (pki) => {
    for (const kind of ["http", "https", "socks5"] as const) {
      for (const secure of [false, true]) {
        await t.step({
          name: `${kind} proxy, ${secure ? "https" : "http"} target`,
          ignore: kind === "https" && secure && !hasNodeTls,
          fn: async () => {
            const heads: string[] = [];
            await using target = startAnswering(async (peer, { lines }) => {
              heads.push(...lines);
              const closes = lines.some((line) => /^connection: close/i.test(line));
              await peer.ok(`host ${lines[1]}`, ...(closes ? ["Connection: close"] : []));
              if (closes) peer.conn.close();
            }, secure ? pki.chained : undefined);
            await using proxy = startProxy({
              kind,
              certificate: pki.good,
              leadsTo: target.port,
              credentials: {
                ...CREDENTIALS,
                password: kind === "socks5" ? CREDENTIALS.password : "p:w %/Ã©",
              },
            });
            const url = `${secure ? "https" : "http"}://${TARGET_HOST}:7777/mcp?x=1`;
            const answers = await post(routeOver(proxy, pki.authority), url, 3);
            assert.deepEqual(answers, Array(3).fill(`200 host host: ${TARGET_HOST}:7777`));
            const forwards = !secure && kind !== "socks5";
            assert.deepEqual(proxy.tunnels, forwards ? [] : [`${TARGET_HOST}:7777`], "one tunnel, by name");
            const line = `POST http://${TARGET_HOST}:7777/mcp?x=1 HTTP/1.1`;
            assert.deepEqual(proxy.forwarded, forwards ? [line, line, line] : []);
            assert.ok(
              heads.every((head) => !head.includes(SECRET) && !/^proxy-/i.test(head)),
              heads.join("\n"),
            );
            assert.ok(heads.includes("POST /mcp?x=1 HTTP/1.1"));
            if (!forwards && kind !== "socks5") {
              const names = proxy.headers.map((header) => header.split(":")[0]);
              assert.deepEqual(names, ["Host", "User-Agent", "Proxy-Authorization"]);
            }
          },
        });
      }
    }
  });
});

Deno.test("an explicit proxy gets everything, whatever NO_PROXY says, loopback targets included [CFG-59, PX-3]", async () => {
  await using target = startAnswering(async (peer) => {
    await peer.ok("yes", "Connection: close");
    peer.conn.close();
  });
  await using proxy = startProxy();
  Deno.env.set("NO_PROXY", "*");
  try {
    const route: Route = { proxy: { kind: "explicit", url: proxy.url }, tls: {} };
    assert.deepEqual(await post(route, `${target.origin}/`), ["200 yes"]);
  } finally {
    Deno.env.delete("NO_PROXY");
  }
  assert.equal(proxy.forwarded.length, 1);
  assert.equal(target.accepted, 1, "only by way of the proxy");
});

Deno.test("environment proxies are left alone by loopback targets and those of NO_PROXY [CFG-61]", async () => {
  await using target = startAnswering((peer) => peer.ok("direct"));
  await using proxy = startProxy();
  const proxies = { HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url };
  for (const host of ["127.0.0.1", "localhost"]) {
    const route: Route = { proxy: environmentProxy(proxies), tls: {} };
    assert.deepEqual(await post(route, `http://${host}:${target.port}/`), ["200 direct"]);
  }
  const noProxy = environmentProxy({ ...proxies, NO_PROXY: ".invalid" });
  await assert.rejects(
    post({ proxy: noProxy, tls: {} }, `http://${TARGET_HOST}/`),
    { kind: "dns", peer: `http://${TARGET_HOST}` },
  );
  assert.equal(proxy.accepted, 0);
  assert.equal(target.accepted, 2);
});

Deno.test("in a CGI environment no http request leaves, https ones do [CFG-61]", async () => {
  await using proxy = startProxy({ deny: 403 });
  const variables = { HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url, REQUEST_METHOD: "GET" };
  const route: Route = { proxy: environmentProxy(variables), tls: {} };
  await assert.rejects(
    post(route, "http://127.0.0.1:1/"),
    /HTTP_PROXY is not used where REQUEST_METHOD is set/,
  );
  assert.equal(proxy.accepted, 0);
  await assert.rejects(post(route, `https://${TARGET_HOST}/`), { reason: "proxy-refused" });
  assert.equal(proxy.accepted, 1);
});

Deno.test("replaceTls() gives new connections the new roots and lets what runs end [TL-4]", async () => {
  await withPki(async (pki) => {
    const answering = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    await using target = startAnswering(async (peer, { lines }) => {
      if (lines[0]!.includes("/slow")) {
        arrived.resolve();
        await answering.promise;
      }
      await peer.ok(String(peer.number));
    }, pki.good);
    const tls = { caPem: pki.authority };
    const client = createRouteClient({ proxy: { kind: "none" }, tls });
    const get = async (path: string) => {
      const { body } = await client.request({ method: "GET", url: target.origin + path, headers: [] });
      return await body.text();
    };
    assert.equal(await get("/"), "1");
    client.replaceTls({ ...tls });
    assert.equal(await get("/"), "1", "the same material changes nothing");
    const slow = get("/slow");
    await arrived.promise;
    client.replaceTls({ caPem: pki.clientAuthority });
    await assert.rejects(get("/"), { reason: "tls-unknown-authority" });
    answering.resolve();
    assert.equal(await slow, "1", "what runs goes on");
    await target.whenOpen(0);
    client.replaceTls(tls);
    assert.equal(await get("/"), "3", "on a connection of its own");
    client.close();
  });
});

Deno.test("several roots in one text are trusted, beside those of the process [CFG-55]", async () => {
  await withPki(async (pki) => {
    await using target = startAnswering((peer) => peer.ok("yes"), pki.good);
    await using other = startAnswering((peer) => peer.ok("yes"), pki.foreign);
    const caPem = pki.clientAuthority + pki.authority;
    for (const server of [target, other]) {
      assert.deepEqual(await post({ proxy: { kind: "none" }, tls: { caPem } }, server.origin), ["200 yes"]);
    }
  });
});
