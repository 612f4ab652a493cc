import assert from "node:assert/strict";
import fc from "fast-check";
import { isHopField, layerForwarded, layerPairs } from "../../../../src/channels/http/headers.ts";
import type { HeaderPairs } from "../../../../src/net/mod.ts";

const name = fc.oneof(
  fc.constantFrom(
    "Accept",
    "accept",
    "Authorization",
    "AUTHORIZATION",
    "Connection",
    "connection",
    "Host",
    "TE",
    "Transfer-Encoding",
    "Mcp-Session-Id",
    "X-A",
    "x-a",
    "X-B",
    "__proto__",
  ),
  fc.stringMatching(/^[A-Za-z-]{1,8}$/),
);
const value = fc.oneof(fc.constantFrom("", "x-a", "x-a, TE", "close,X-B ", "1"), fc.string({ maxLength: 5 }));
const pairs: fc.Arbitrary<HeaderPairs> = fc.array(fc.tuple(name, value), { maxLength: 8 });
const forwarded = fc.array(fc.tuple(name, fc.array(value, { maxLength: 3 })), { maxLength: 8 })
  .map((entries) => Object.fromEntries(entries));

const lowerNames = (list: HeaderPairs) => new Set(list.map(([one]) => one.toLowerCase()));

Deno.test("property: no hop-by-hop field and none that Connection names reaches a target from a connector [HD-6, P-111]", () => {
  fc.assert(fc.property(pairs, forwarded, (own, headers) => {
    const before = structuredClone(headers);
    const result = layerForwarded(own, headers);
    assert.deepEqual(headers, before, "the command's headers were changed");
    const options = Object.entries(headers)
      .filter(([one]) => one.toLowerCase() === "connection")
      .flatMap(([, values]) => values.flatMap((list) => list.split(",")))
      .map((option) => option.trim().toLowerCase());
    for (const pair of result.filter((one) => !own.includes(one))) {
      assert(!isHopField(pair[0]), `${pair[0]} belongs to the hop`);
      assert(!options.includes(pair[0].toLowerCase()), `${pair[0]} is named by Connection`);
    }
  }));
});

Deno.test("property: a connector's field replaces the channel's of the same name, with all its values in order [HT-3]", () => {
  fc.assert(fc.property(pairs, forwarded, (own, headers) => {
    const result = layerForwarded(own, headers);
    const passed = lowerNames(result.filter((one) => !own.includes(one)));
    for (const pair of own) assert.equal(result.includes(pair), !passed.has(pair[0].toLowerCase()));
    for (const [one, values] of Object.entries(headers)) {
      const sent = result.filter((pair) => pair[0] === one && !own.includes(pair)).map(([, text]) => text);
      if (sent.length > 0) assert.deepEqual(sent, values);
    }
  }));
});

Deno.test("property: the upper of two layers hides the lower one name by name [HT-3]", () => {
  fc.assert(fc.property(pairs, pairs, (lower, upper) => {
    const result = layerPairs(lower, upper);
    const above = lowerNames(upper);
    assert.deepEqual(result, [...lower.filter(([one]) => !above.has(one.toLowerCase())), ...upper]);
  }));
});
