import assert from "node:assert/strict";
import { hasNodeTls } from "../../../src/net/node_tls.ts";
import { makePki, type Pki } from "../../support/net_pki.ts";
import { join } from "../../support/net_proxies.ts";
import { startAnswering } from "../../support/net_servers.ts";

async function askWithStore(pki: Pki, origin: string, socket: string, roots: string): Promise<string[]> {
  const program = new URL("../../support/net_store_requests.ts", import.meta.url).pathname;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-lock", "--no-check", program, origin, socket, `${pki.folder}/clients.pem`],
    env: { SSL_CERT_FILE: roots },
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout)) as string[];
}

Deno.test("the system's store can be chosen before the first TLS, with SSL_CERT_FILE in its place, and a CA bundle adds to it on every stack [TL-1, CFG-55]", async () => {
  await using pki = await makePki();
  await using target = startAnswering((peer) => peer.ok("ok"), pki.good);
  const folder = await Deno.makeTempDir();
  const path = `${folder}/s`;
  const listener = Deno.listen({ transport: "unix", path });
  const joining: Promise<void>[] = [];
  const accepting = (async () => {
    for await (const conn of listener) {
      joining.push(
        Deno.connect({ hostname: "127.0.0.1", port: target.port }).then((upstream) => join(conn, upstream)),
      );
    }
  })();
  const socket = hasNodeTls ? path : "";
  const count = hasNodeTls ? 4 : 2;
  const trusted = await askWithStore(pki, target.origin, socket, `${pki.folder}/authority.pem`);
  assert.deepEqual(trusted, Array(count).fill("200 ok"));
  const untrusted = await askWithStore(pki, target.origin, socket, `${pki.folder}/clients.pem`);
  assert.deepEqual(untrusted, Array(count).fill("tls-unknown-authority: certificate of unknown authority"));
  listener.close();
  await accepting;
  await Promise.all(joining);
  await Deno.remove(folder, { recursive: true });
});
