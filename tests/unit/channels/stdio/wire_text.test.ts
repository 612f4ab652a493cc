import assert from "node:assert/strict";
import fc from "fast-check";
import { applyEdits, findPath, memberAt } from "../../../../src/channels/stdio/wire_text.ts";

const PATHS = [["id"], ["params", "_meta", "progressToken"], ["params", "requestId"]] as const;
const inner = fc.record({
  id: fc.jsonValue(),
  requestId: fc.jsonValue(),
  _meta: fc.record({ progressToken: fc.jsonValue(), other: fc.jsonValue() }, { requiredKeys: [] }),
  text: fc.string({ unit: "binary" }),
}, { requiredKeys: [] });
const message = fc.record({
  jsonrpc: fc.constant("2.0"),
  id: fc.jsonValue(),
  params: inner,
  result: fc.jsonValue(),
}, {
  requiredKeys: [],
});

Deno.test("property: findPath() finds what JSON.parse sees at a path [P-64]", () => {
  fc.assert(fc.property(message, fc.nat(3), fc.constantFrom(...PATHS), (value, indent, path) => {
    const text = JSON.stringify(value, undefined, indent);
    const span = findPath(text, path);
    const expected = memberAt(JSON.parse(text), path);
    if (span === undefined) assert.equal(expected, undefined);
    else assert.deepEqual(JSON.parse(text.slice(span.start, span.end)), expected);
  }));
});

Deno.test("property: applyEdits() exchanges the values and leaves every other character as it was [P-64]", () => {
  fc.assert(fc.property(message, fc.nat(3), fc.jsonValue(), (value, indent, replacement) => {
    const text = JSON.stringify(value, undefined, indent);
    const edits = PATHS.flatMap((path) => {
      const span = findPath(text, path);
      return span === undefined ? [] : [{ span, replacement: JSON.stringify(replacement) }];
    });
    const edited = applyEdits(text, edits);
    const expected = JSON.parse(text);
    for (const path of PATHS) {
      const parent = memberAt(expected, path.slice(0, -1));
      const name = path.at(-1) ?? "";
      if (memberAt(expected, path) !== undefined) {
        Reflect.set(parent as object, name, JSON.parse(JSON.stringify(replacement)));
      }
    }
    assert.deepEqual(JSON.parse(edited), expected);
    assert.equal(
      edited.length - text.length,
      edits.reduce((sum, { span, replacement }) => sum + replacement.length - (span.end - span.start), 0),
    );
  }));
});
