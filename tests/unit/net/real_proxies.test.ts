import assert from "node:assert/strict";
import { createRouteClient, type NetErrorReason, type Route } from "../../../src/net/mod.ts";
import { makePki } from "../../support/net_pki.ts";
import { programTest, startSquid, startTinyproxy } from "../../support/net_programs.ts";
import { startAnswering } from "../../support/net_servers.ts";

const CREDENTIALS = { username: "ann", password: "pw" };

async function ask(proxyUrl: string, url: string, caPem: string): Promise<string> {
  const route: Route = { proxy: { kind: "explicit", url: proxyUrl }, tls: { caPem } };
  const client = createRouteClient(route);
  try {
    const bodies: string[] = [];
    for (let count = 0; count < 2; count++) {
      const { status, body } = await client.request({ method: "POST", url, headers: [], body: "{}" });
      bodies.push(`${status} ${await body.text()}`);
    }
    return bodies.join(", ");
  } finally {
    client.close();
  }
}

const refuses = (asking: Promise<string>, reason: NetErrorReason) =>
  assert.rejects(asking, { kind: "dial", reason });

programTest(
  ["squid"],
  "squid takes both kinds of targets there, wants its credentials, and refuses by its rules [PX-8]",
  async () => {
    await using pki = await makePki();
    await using plain = startAnswering((peer) => peer.ok("plain"));
    await using secure = startAnswering((peer) => peer.ok("secure"), pki.good);
    await using open = await startSquid({ rules: ["http_access allow all"] });
    const openUrl = `http://127.0.0.1:${open.port}`;
    assert.equal(await ask(openUrl, `${plain.origin}/a`, pki.authority), "200 plain, 200 plain");
    assert.equal(await ask(openUrl, `${secure.origin}/a`, pki.authority), "200 secure, 200 secure");
    assert.equal(secure.accepted, 1, "one tunnel for both");
    const log = await Deno.readTextFile(`${open.folder}/access.log`);
    assert.match(log, /POST http:\/\/127\.0\.0\.1/);

    await using closed = await startSquid({
      rules: ["http_access allow known", "http_access deny all"],
      credentials: CREDENTIALS,
    });
    const bare = `127.0.0.1:${closed.port}`;
    for (const origin of [plain.origin, secure.origin]) {
      await refuses(ask(`http://${bare}`, origin, pki.authority), "proxy-auth");
      await refuses(ask(`http://ann:wrong@${bare}`, origin, pki.authority), "proxy-auth");
      assert.match(await ask(`http://ann:pw@${bare}`, origin, pki.authority), /^200 (plain|secure), 200/);
    }

    await using denying = await startSquid({
      rules: ["acl CONNECT method CONNECT", "http_access deny CONNECT", "http_access allow all"],
    });
    await refuses(ask(`http://127.0.0.1:${denying.port}`, secure.origin, pki.authority), "proxy-refused");
  },
);

programTest(
  ["tinyproxy"],
  "tinyproxy takes both kinds of targets there, wants its credentials, and refuses by its rules [PX-8]",
  async () => {
    await using pki = await makePki();
    await using plain = startAnswering((peer) => peer.ok("plain"));
    await using secure = startAnswering((peer) => peer.ok("secure"), pki.good);
    await using open = await startTinyproxy([]);
    const openUrl = `http://127.0.0.1:${open.port}`;
    assert.equal(await ask(openUrl, `${plain.origin}/a`, pki.authority), "200 plain, 200 plain");
    assert.equal(await ask(openUrl, `${secure.origin}/a`, pki.authority), "200 secure, 200 secure");

    await using closed = await startTinyproxy([`BasicAuth ${CREDENTIALS.username} ${CREDENTIALS.password}`]);
    for (const origin of [plain.origin, secure.origin]) {
      await refuses(ask(`http://127.0.0.1:${closed.port}`, origin, pki.authority), "proxy-auth");
      const url = `http://ann:pw@127.0.0.1:${closed.port}`;
      assert.match(await ask(url, origin, pki.authority), /^200 (plain|secure), 200/);
    }

    await using denying = await startTinyproxy(["ConnectPort 1"]);
    await refuses(ask(`http://127.0.0.1:${denying.port}`, secure.origin, pki.authority), "proxy-refused");
  },
);
