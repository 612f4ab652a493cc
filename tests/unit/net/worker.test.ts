import assert from "node:assert/strict";
import type { RequestEnd } from "../../support/net_requests.ts";
import { gzipSync } from "node:zlib";
import { startAnswering } from "../../support/net_servers.ts";

Deno.test("both clients work in a Worker that may reach one host and port, and nothing else", async () => {
  const zipped = gzipSync("zipped");
  await using allowed = startAnswering((peer, { lines }) =>
    lines[0].includes("/zipped") ? peer.ok(zipped, "Content-Encoding: gzip") : peer.ok("plain")
  );
  await using other = startAnswering((peer) => peer.ok("never"));
  const worker = new Worker(new URL("../../support/net_requests.ts", import.meta.url), {
    type: "module",
    deno: {
      permissions: {
        net: [`localhost:${allowed.port}`],
        env: false,
        read: false,
        write: false,
        run: false,
        sys: false,
        ffi: false,
      },
    },
  });
  const urls = [
    `http://localhost:${allowed.port}/plain`,
    `http://localhost:${allowed.port}/zipped`,
    `http://127.0.0.1:${allowed.port}/by-address`,
    `${other.origin}/?secret=1`,
  ];
  const ends = await new Promise<RequestEnd[]>((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage(urls);
  });
  worker.terminate();
  const denied = (address: string) =>
    `dial: the sandbox of this profile does not allow ${address}, nothing written`;
  for (const client of ["route", "target"]) {
    assert.deepEqual(ends.filter((end) => end.client === client).map(({ end }) => end), [
      "200 plain",
      "200 zipped",
      denied(`127.0.0.1:${allowed.port}`),
      denied(`127.0.0.1:${other.port}`),
    ]);
  }
  assert.equal(other.accepted, 0);
});
