import assert from "node:assert/strict";
import { findResourceMetadataUrl } from "../../../src/oauth/challenge.ts";

const find = (...values: string[]) =>
  findResourceMetadataUrl(values.map((value) => ["www-authenticate", value]));

const hits: [string, string][] = [
  [`Bearer realm="demo", resource_metadata="https://e/pr"`, "https://e/pr"],
  [`Bearer resource_metadata=https://e/pr`, "https://e/pr"],
  [`bearer Resource_Metadata = "https://e/pr"`, "https://e/pr"],
  [`Bearer realm="x", resource_metadata = https://e/pr`, "https://e/pr"],
  [`Basic realm="x", Bearer realm="y", resource_metadata="https://e/pr"`, "https://e/pr"],
  [`Negotiate, Bearer error="invalid_token",resource_metadata="https://e/pr?a=1,2"`, "https://e/pr?a=1,2"],
  [`Bearer realm="a \\" b, c", resource_metadata="https://e/\\pr"`, "https://e/pr"],
  [`Bearer realm="x" resource_metadata="https://e/pr"`, "https://e/pr"],
  [`Bearer resource_metadata="relative", resource_metadata="https://e/2"`, "https://e/2"],
  [`Bearer scope="resource_metadata=\\"https://wrong/\\"", resource_metadata="https://e/pr"`, "https://e/pr"],
  [`Bearer x_resource_metadata="https://wrong/", resource_metadata="https://e/pr"`, "https://e/pr"],
  [`Bearer resource_metadata="ftp://e/pr"`, "ftp://e/pr"],
];
for (const [value, url] of hits) {
  Deno.test(`findResourceMetadataUrl() finds the URL in ${value} [OD-13]`, () => {
    assert.equal(find(value), url);
  });
}

const misses = [
  `Basic realm="x", resource_metadata="https://e/pr"`,
  `Bearer realm="x", Basic realm="y", resource_metadata="https://e/pr"`,
  `Bearer`,
  `Bearer realm="x"`,
  `Bearer resource_metadata="/relative"`,
  `Bearer resource_metadata=""`,
  `Bearer realm="resource_metadata=https://wrong/"`,
  `Bearer x_resource_metadata="https://wrong/"`,
  ``,
  `resource_metadata="https://e/pr"`,
  `Bearer realm="unclosed, resource_metadata="https://e/pr`,
];
for (const value of misses) {
  Deno.test(`findResourceMetadataUrl() finds nothing in ${value || "an empty field"} [OD-13, B-26]`, () => {
    assert.equal(find(value), undefined);
  });
}

Deno.test("findResourceMetadataUrl() reads all fields, in any letter case [OD-11]", () => {
  assert.equal(
    find("Basic", `Bearer resource_metadata="https://e/1"`, `Bearer resource_metadata="https://e/2"`),
    "https://e/1",
  );
  assert.equal(
    findResourceMetadataUrl([["WWW-Authenticate", `Bearer resource_metadata="https://e/1"`]]),
    "https://e/1",
  );
  assert.equal(findResourceMetadataUrl([["X-Other", `Bearer resource_metadata="https://e/1"`]]), undefined);
});
