import assert from "node:assert/strict";
import * as zlib from "node:zlib";
import { BodyTooLargeError, createTargetClient, type HttpClient } from "../../../src/net/mod.ts";
import { startAnswering, startServer, valuesOf } from "../../support/net_servers.ts";

const TEXT = "grün 0123456789 ".repeat(5000);

const CODINGS: readonly (readonly [name: string, encode: (data: Uint8Array) => Uint8Array])[] = [
  ["gzip", zlib.gzipSync],
  ["X-GZip", zlib.gzipSync],
  ["deflate", zlib.deflateSync],
  ["deflate", zlib.deflateRawSync], // as some servers send it
  ["br", zlib.brotliCompressSync],
  ["gzip, identity, br", (data) => zlib.brotliCompressSync(zlib.gzipSync(data))],
];

async function withClient(run: (client: HttpClient) => Promise<void>): Promise<void> {
  const client = createTargetClient();
  try {
    await run(client);
  } finally {
    client.close();
  }
}

const get = (client: HttpClient, url: string, signal?: AbortSignal) =>
  client.request({ method: "GET", url, headers: [], signal });

for (const [index, [name, encode]] of CODINGS.entries()) {
  Deno.test(`target client decodes ${name} answers (${index + 1}) in every way of reading [HT-6]`, async () => {
    const data = encode(new TextEncoder().encode(TEXT));
    await using server = startAnswering((peer) => peer.ok(data, `Content-Encoding: ${name}`, "X-Other: 1"));
    await withClient(async (client) => {
      const response = await get(client, server.origin);
      assert.deepEqual(response.headers, [["X-Other", "1"]], "nothing is said of the encoded form");
      assert.equal(await response.body.text(), TEXT);
      const bytes = await (await get(client, server.origin)).body.bytes();
      assert.equal(new TextDecoder().decode(bytes), TEXT);
      const pieces = await Array.fromAsync((await get(client, server.origin)).body.chunks());
      assert.equal(await new Response(new Blob(pieces as BlobPart[])).text(), TEXT);
      assert.equal(server.accepted, 1);
    });
  });
}

Deno.test("target client hands over each piece of a compressed stream at once", async () => {
  const makers = {
    gzip: () => zlib.createGzip(),
    deflate: () => zlib.createDeflate(),
    br: () => zlib.createBrotliCompress(),
  };
  await using server = startAnswering(async (peer, { lines }) => {
    const coding = lines[0].split("/")[1].split(" ")[0] as keyof typeof makers;
    const encoder = makers[coding]();
    await peer.send(`HTTP/1.1 200 OK\r\nContent-Encoding: ${coding}\r\nTransfer-Encoding: chunked\r\n\r\n`);
    const encoded: Uint8Array[] = [];
    encoder.on("data", (data: Uint8Array) => encoded.push(data));
    const sendEncoded = async () => {
      for (const data of encoded.splice(0)) await peer.send(`${data.length.toString(16)}\r\n`, data, "\r\n");
    };
    for (let number = 0; number < 3; number++) {
      encoder.write(`data: ${number}\n\n`);
      await new Promise<void>((resolve) => encoder.flush(resolve));
      await sendEncoded();
      await seen[coding][number].promise;
    }
    await new Promise<void>((resolve) => encoder.once("end", resolve).end());
    await sendEncoded();
    await peer.send("0\r\n\r\n");
  });
  const three = () => Array.from({ length: 3 }, () => Promise.withResolvers<void>());
  const seen = { gzip: three(), deflate: three(), br: three() };
  await withClient(async (client) => {
    for (const coding of Object.keys(makers) as (keyof typeof makers)[]) {
      const pieces: string[] = [];
      for await (const piece of (await get(client, `${server.origin}/${coding}`)).body.chunks()) {
        seen[coding][pieces.length].resolve();
        pieces.push(new TextDecoder().decode(piece));
      }
      assert.deepEqual(pieces, ["data: 0\n\n", "data: 1\n\n", "data: 2\n\n"], coding);
    }
  });
});

Deno.test("target client counts decoded bytes against the limit, and decodes no more than is read", async () => {
  const bomb = zlib.gzipSync(new Uint8Array(200_000_000));
  const worse = zlib.brotliCompressSync(new Uint8Array(200_000_000), {
    params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 },
  });
  await using server = startAnswering((peer, { lines }) =>
    lines[0].includes("br") ? peer.ok(worse, "Content-Encoding: br") : peer.ok(bomb, "Content-Encoding: gzip")
  );
  await withClient(async (client) => {
    for (const path of ["/gzip", "/br"]) {
      const { body } = await get(client, server.origin + path);
      await assert.rejects(body.text(100_000), (error) => {
        return error instanceof BodyTooLargeError && error.limitBytes === 100_000;
      });
      let largest = 0;
      for await (const piece of (await get(client, server.origin + path)).body.chunks()) {
        largest = Math.max(largest, piece.length);
        if (largest > 0) break;
      }
      assert.ok(largest <= 64 * 1024, `${path}: a piece of ${largest} bytes`);
    }
  });
});

Deno.test("target client reports broken and cut off data of a coding", async () => {
  const good = new Uint8Array(zlib.gzipSync(TEXT));
  await using server = startAnswering((peer, { lines }) => {
    if (lines[0].includes("/broken")) return peer.ok("this is no gzip", "Content-Encoding: gzip");
    if (lines[0].includes("/cut")) {
      return peer.ok(good.subarray(0, good.length - 20), "Content-Encoding: gzip");
    }
    return peer.ok("this is no brotli data", "Content-Encoding: br");
  });
  await withClient(async (client) => {
    const failure = async (path: string) => (await get(client, server.origin + path)).body.text();
    await assert.rejects(failure("/broken"), {
      kind: "unknown",
      detail: "the answer is not valid gzip data",
    });
    await assert.rejects(failure("/cut"), {
      kind: "unexpected_eof",
      detail: "the answer's gzip data breaks off",
    });
    await assert.rejects(failure("/brotli"), { kind: "unknown", detail: "the answer is not valid br data" });
  });
});

Deno.test("target client reports a connection that breaks within encoded data as that", async () => {
  await using server = startServer(async (peer) => {
    await peer.request();
    const data = zlib.gzipSync(TEXT);
    await peer.send(`HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${data.length}\r\n\r\n`);
    await peer.send(new Uint8Array(data).subarray(0, 100));
  });
  await withClient(async (client) => {
    const { body } = await get(client, server.origin);
    await assert.rejects(body.text(), { kind: "unexpected_eof", detail: /connection closed/ });
  });
});

Deno.test("target client throws the signal's reason while encoded data is read, and closes the socket", async () => {
  await using server = startServer(async (peer) => {
    await peer.request();
    await peer.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9999\r\n\r\n");
    await peer.send(new Uint8Array(zlib.gzipSync("x".repeat(99))).subarray(0, 15));
    await peer.end();
  });
  await withClient(async (client) => {
    for (const reason of [new Error("stopped"), "stopped"]) {
      const stop = new AbortController();
      const { body } = await get(client, server.origin, stop.signal);
      const reading = assert.rejects(body.text(), (error) => error === reason);
      setTimeout(() => stop.abort(reason), 0);
      await reading;
      await server.whenOpen(0);
    }
  });
});

Deno.test("target client closes the connection when the reader of encoded data leaves", async () => {
  await using server = startServer(async (peer) => {
    await peer.request();
    const data = zlib.gzipSync(crypto.getRandomValues(new Uint8Array(60_000)));
    await peer.send(`HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 900000\r\n\r\n`, data);
    await peer.end();
  });
  await withClient(async (client) => {
    for await (const piece of (await get(client, server.origin)).body.chunks()) {
      assert.ok(piece.length > 0);
      break;
    }
    await server.whenOpen(0);
    (await get(client, server.origin)).body.cancel();
    await server.whenOpen(0);
  });
});

Deno.test("target client leaves bodies in codings it does not know, and empty ones, as they are", async () => {
  await using server = startAnswering((peer, { lines }) =>
    lines[0].includes("/empty")
      ? peer.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
      : peer.ok("as it is", `Content-Encoding: ${lines[0].includes("/zstd") ? "zstd" : "identity"}`)
  );
  await withClient(async (client) => {
    for (const path of ["/zstd", "/identity"]) {
      const response = await get(client, server.origin + path);
      assert.deepEqual(valuesOf(response, "content-encoding"), [path.slice(1)]);
      assert.equal(await response.body.text(), "as it is");
    }
    assert.equal(await (await get(client, `${server.origin}/empty`)).body.text(), "");
  });
});
