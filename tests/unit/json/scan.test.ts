import assert from "node:assert/strict";
import fc from "fast-check";
import {
  arrayElements,
  findMember,
  objectMembers,
  oneLine,
  replaceSpan,
  scanObject,
} from "../../../src/json/mod.ts";

function member(text: string, name: string): string | undefined {
  const span = findMember(text, name);
  return span && text.slice(span.start, span.end);
}

Deno.test("findMember() cuts a value out exactly as it stands [P-193]", () => {
  const text = ' { "a" : 1 ,\n"id":12345678901234567890123456 , "b":{"id":"no"}, "c":["x",{"id":2}] } ';
  assert.equal(member(text, "id"), "12345678901234567890123456");
  assert.equal(member(text, "b"), '{"id":"no"}');
  assert.equal(member(text, "c"), '["x",{"id":2}]');
  assert.equal(member(text, "d"), undefined);
});

Deno.test("findMember() takes the last of duplicate members, as JSON.parse does [P-63]", () => {
  assert.equal(member('{"id":1,"x":0,"id":"two"}', "id"), '"two"');
});

Deno.test("findMember() knows a name written with escapes", () => {
  assert.equal(member('{"\\u0069d":7}', "id"), "7");
  assert.equal(member('{"xx":1,"a\\"":2}', 'a"'), "2");
});

Deno.test("findMember() is not misled by quotes, backslashes and braces inside strings", () => {
  const value = JSON.stringify('\\"}],{"id":9}\\\\');
  assert.equal(member(`{"s":${value},"id":3}`, "id"), "3");
  assert.equal(member(`{"s":${value},"id":3}`, "s"), value);
});

Deno.test("findMember() finds nothing in a value that is not an object", () => {
  for (const text of ["[]", "1", '"id"', "null", "{}"]) assert.equal(member(text, "id"), undefined);
});

Deno.test("objectMembers() lists every member with its place, those with one name twice too", () => {
  const text = ' { "a" : [1,{"b":2}] ,"\\u0061":"x,}" , "c":-1.5e3}';
  const members = objectMembers(text)?.map(({ name, value }) => [name, text.slice(value.start, value.end)]);
  assert.deepEqual(members, [["a", '[1,{"b":2}]'], ["a", '"x,}"'], ["c", "-1.5e3"]]);
  assert.deepEqual(objectMembers("{ }"), []);
  for (const other of ["[]", "1", '"{}"', "null"]) assert.equal(objectMembers(other), undefined);
});

Deno.test("scanObject() tells where the object ends", () => {
  const text = '[{"a":1},{"a":[2]}]';
  const first = scanObject(text, "a", 1);
  assert.equal(text.slice(1, first.end), '{"a":1}');
});

Deno.test("replaceSpan() exchanges one value and keeps every other character", () => {
  const text = '{"jsonrpc" :"2.0", "id" : 7,"x":1.0}';
  const span = findMember(text, "id");
  assert(span);
  assert.equal(replaceSpan(text, span, '"k-1"'), '{"jsonrpc" :"2.0", "id" : "k-1","x":1.0}');
});

Deno.test("oneLine() changes only line ends between tokens", () => {
  assert.equal(oneLine('{\r\n"a": "x\\ny"\n}'), '{  "a": "x\\ny" }');
});

Deno.test("property: every member of every object is found where JSON.parse sees it", () => {
  const key = fc.oneof(fc.string(), fc.constantFrom("id", "jsonrpc", "a\\", '"'));
  fc.assert(
    fc.property(fc.dictionary(key, fc.jsonValue()), fc.integer({ min: 0, max: 3 }), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      for (const [name, expected] of Object.entries(value)) {
        const span = findMember(text, name);
        assert(span, `member ${JSON.stringify(name)} in ${text}`);
        assert.deepEqual(JSON.parse(text.slice(span.start, span.end)), JSON.parse(JSON.stringify(expected)));
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("property: arrayElements() cuts an array into its values", () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.integer({ min: 0, max: 2 }), (values, indent) => {
      const text = JSON.stringify(values, null, indent);
      const cut = arrayElements(text).map((span) => JSON.parse(text.slice(span.start, span.end)));
      assert.deepEqual(cut, JSON.parse(text));
    }),
    { numRuns: 300 },
  );
});
