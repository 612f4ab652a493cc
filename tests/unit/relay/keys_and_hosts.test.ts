import assert from "node:assert/strict";
import fc from "fast-check";
import { HostGuard, isLoopbackName } from "../../../src/relay/host_guard.ts";
import { HeaderFields } from "../../../src/relay/http1/header_fields.ts";
import { equalsInConstantTime } from "../../../src/relay/constant_time.ts";
import { matchesAny } from "../../../src/relay/keys.ts";
import { randomText } from "../../../src/relay/random_text.ts";

Deno.test("equalsInConstantTime() says what === says", () => {
  fc.assert(fc.property(fc.string(), fc.string(), (a, b) => {
    assert.equal(equalsInConstantTime(a, b), a === b);
    assert.ok(equalsInConstantTime(a, `${a}`));
    assert.ok(!equalsInConstantTime(a + "x", a));
    assert.ok(!equalsInConstantTime(a, a + "x"));
  }));
});

Deno.test("matchesAny() finds the one that fits, and nothing where nothing was presented", () => {
  assert.ok(matchesAny("b", ["a", "b"]));
  assert.ok(!matchesAny("c", ["a", "b"]));
  assert.ok(!matchesAny("", ["a"]));
  assert.ok(!matchesAny(undefined, [""]));
});

Deno.test("isLoopbackName() takes no name that could be somebody else's", () => {
  for (
    const name of ["localhost", "x.localhost", "127.0.0.1", "127.255.0.9", "[::1]", "[::ffff:127.0.0.1]"]
  ) assert.ok(isLoopbackName(name), name);
  for (
    const name of [
      "",
      "0.0.0.0",
      "::1",
      "[::]",
      "128.0.0.1",
      "127.0.0.1.x",
      "x127.0.0.1",
      "localhost.x",
      "xlocalhost",
      "127.1",
    ]
  ) assert.ok(!isLoopbackName(name), name);
});

Deno.test("HostGuard judges each host anew, also behind one that was good", () => {
  const guard = new HostGuard(["Relay.Test"]);
  const check = (authority: string, origin?: string) =>
    guard.check({
      authority,
      headers: origin === undefined ? new HeaderFields([], []) : new HeaderFields(["origin"], [origin]),
    })?.code;
  assert.deepEqual(
    [
      check("localhost:1"),
      check("evil.test"),
      check("localhost:1"),
      check("relay.test"),
      check(""),
      check("localhost:99999999"),
      check("a b"),
      check("user@localhost"),
    ],
    [
      undefined,
      "forbidden_host",
      undefined,
      undefined,
      "forbidden_host",
      "forbidden_host",
      "forbidden_host",
      "forbidden_host",
    ],
  );
  assert.deepEqual([
    check("localhost", "http://RELAY.test:1"),
    check("localhost", "http://evil.test"),
    check("localhost", ""),
  ], [undefined, "forbidden_origin", "forbidden_origin"]);
});

Deno.test("randomText() is of the wanted length and letters, and all of them occur", () => {
  const text = randomText(4_000);
  assert.match(text, /^[a-z0-9]{4000}$/);
  assert.equal(new Set(text).size, 36);
  assert.notEqual(randomText(32), randomText(32));
  assert.equal(randomText(0), "");
});
