import assert from "node:assert/strict";
import type { Wire } from "../../../src/net/mod.ts";
import { parseProxy } from "../../../src/net/mod.ts";
import { connectSocks5 } from "../../../src/net/socks5.ts";
import { openTunnel } from "../../../src/net/tunnel.ts";

/** A wire that answers with these pieces, whatever is written, and keeps what was. */
function scripted(
  pieces: readonly Uint8Array[],
): { wire: Wire; written: () => number[]; left: () => number } {
  const queue = [...pieces];
  const written: number[] = [];
  const wire: Wire = {
    read: (into) => {
      const piece = queue.shift();
      if (piece === undefined) return Promise.resolve(null);
      const count = Math.min(piece.length, into.length);
      into.set(piece.subarray(0, count));
      if (count < piece.length) queue.unshift(piece.subarray(count));
      return Promise.resolve(count);
    },
    write: (bytes) => {
      written.push(...bytes.subarray(0, 7)); // a wire may take less than it is given
      return Promise.resolve(Math.min(7, bytes.length));
    },
    close: () => {},
  };
  return { wire, written: () => written, left: () => queue.reduce((sum, { length }) => sum + length, 0) };
}

const bytes = (text: string) => new TextEncoder().encode(text);
const byteByByte = (text: string) => [...bytes(text)].map((byte) => Uint8Array.of(byte));
const proxy = parseProxy("http://ann:pw@proxy.example:1")!;
const socks = parseProxy("socks5://ann:pw@proxy.example:1")!;

Deno.test("openTunnel() reads an answer in any pieces, and sends Host, User-Agent and the credentials [PX-8]", async () => {
  const answer = "HTTP/1.1 200 Connection established\r\nVia: 1.1 p\r\n\r\n";
  for (const pieces of [[bytes(answer)], byteByByte(answer), [bytes("HTTP/1.0 200\n\n")]]) {
    const { wire, written } = scripted(pieces);
    await openTunnel(wire, "a.example:443", { proxy, userAgent: "agent/1" });
    assert.equal(
      new TextDecoder().decode(Uint8Array.from(written())),
      "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\nUser-Agent: agent/1\r\n" +
        `Proxy-Authorization: Basic ${btoa("ann:pw")}\r\n\r\n`,
    );
  }
});

Deno.test("openTunnel() refuses what is no answer of a proxy [PX-8]", async () => {
  const cases: readonly [answer: string, reason: string][] = [
    ["", "proxy-refused"],
    ["HTTP/1.1 200", "proxy-refused"],
    ["HTTP/1.1 200 OK\r\n\r\nmore", "proxy-protocol"],
    ["SSH-2.0-x\r\n\r\n", "proxy-protocol"],
    [`HTTP/1.1 200 OK\r\nx: ${"x".repeat(20_000)}\r\n\r\n`, "proxy-protocol"],
    ["HTTP/1.1 302 Found\r\nLocation: https://login.example\r\n\r\n", "proxy-refused"],
    ["HTTP/1.1 407 No\r\n\r\n", "proxy-auth"],
  ];
  for (const [answer, reason] of cases) {
    const { wire } = scripted([bytes(answer)].filter(({ length }) => length > 0));
    const opening = openTunnel(wire, "a.example:443", { proxy, userAgent: "agent/1" });
    await assert.rejects(opening, { reason, peer: "proxy http://proxy.example:1", requestWritten: false });
  }
});

Deno.test("connectSocks5() sends names as names and addresses as addresses, and takes not a byte too many [RFC 1928, PX-6]", async () => {
  const bound: readonly number[][] = [
    [1, 127, 0, 0, 1],
    [3, 4, 110, 97, 109, 101],
    [4, ...Array<number>(16).fill(1)],
  ];
  const targets: readonly [hostname: string, sent: readonly number[]][] = [
    ["a.b", [3, 3, 97, 46, 98]],
    ["10.1.2.3", [1, 10, 1, 2, 3]],
    ["::1", [4, ...Array<number>(15).fill(0), 1]],
    ["2001:db8::7:8", [4, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 8]],
    ["1:2:3:4:5:6:7:8", [4, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]],
  ];
  for (const address of bound) {
    for (const [hostname, sent] of targets) {
      const answer = [5, 2, 1, 0, 5, 0, 0, ...address, 1, 2];
      const { wire, written, left } = scripted([Uint8Array.of(...answer, 9, 9, 9)]);
      await connectSocks5(wire, { hostname, port: 443 }, socks);
      const login = [1, 3, 97, 110, 110, 2, 112, 119];
      assert.deepEqual(written(), [5, 2, 0, 2, ...login, 5, 1, 0, ...sent, 1, 0xbb], hostname);
      assert.equal(left(), 3, "the target's own bytes");
    }
  }
});

Deno.test("connectSocks5() says why it was refused, and what it does not understand [RFC 1928]", async () => {
  const cases: readonly [answer: number[], reason: string, detail: RegExp][] = [
    [[], "proxy-refused", /closed the connection/],
    [[4, 0], "proxy-protocol", /SOCKS 5/],
    [[72, 84], "proxy-protocol", /SOCKS 5/],
    [[5, 255], "proxy-auth", /does not accept the credentials/],
    [[5, 2, 1, 1], "proxy-auth", /does not accept the credentials/],
    [[5, 0, 5, 4, 0, 1], "proxy-refused", /host unreachable/],
    [[5, 0, 5, 99, 0, 1], "proxy-refused", /reply 99/],
    [[5, 0, 5, 0, 0, 7], "proxy-protocol", /type of address/],
  ];
  for (const [answer, reason, detail] of cases) {
    const { wire } = scripted(answer.length === 0 ? [] : [Uint8Array.from(answer)]);
    const connecting = connectSocks5(wire, { hostname: "a.example", port: 443 }, socks);
    await assert.rejects(connecting, { reason, detail, peer: "proxy socks5://proxy.example:1" });
  }
  const long = parseProxy(`socks5://${"a".repeat(256)}:pw@proxy.example:1`)!;
  const { wire } = scripted([Uint8Array.of(5, 2)]);
  await assert.rejects(connectSocks5(wire, { hostname: "a", port: 1 }, long), { reason: "proxy-auth" });
});
