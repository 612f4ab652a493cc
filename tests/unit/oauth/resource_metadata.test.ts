import assert from "node:assert/strict";
import { findMetadataFault } from "../../../src/oauth/resource_metadata.ts";

const judge = (document: unknown) =>
  findMetadataFault(
    new TextEncoder().encode(typeof document === "string" ? document : JSON.stringify(document)),
  );

const resource = "https://h/mcp";

Deno.test("findMetadataFault() accepts a resource alone, unknown members and null for absent ones [OD-33]", () => {
  const valid = [
    { resource },
    { resource: "anything" },
    { resource, authorization_servers: [] },
    { resource, authorization_servers: null, jwks_uri: null, scopes_supported: null },
    { resource, authorization_servers: ["https://as", ":://only the first is looked at"] },
    { resource, authorization_servers: ["relative/path"] },
    { resource, unknown: { x: 1 }, scopes_supported: ["a"], dpop_bound_access_tokens_required: true },
  ];
  for (const document of valid) assert.equal(judge(document), undefined, JSON.stringify(document));
});

Deno.test("findMetadataFault() names a first authorization server that is no URL [OD-33]", () => {
  assert.match(
    judge({ resource, authorization_servers: [":://invalid"] }) ?? "",
    /authorization server\[0\]/,
  );
});

Deno.test("findMetadataFault() refuses what is no metadata, and known members of a wrong type [OD-33]", () => {
  const invalid: unknown[] = [
    "",
    "<html>",
    "null",
    [],
    "[]",
    '"text"',
    {},
    { resource: "" },
    { resource: 1 },
    { resource, authorization_servers: "https://as" },
    { resource, authorization_servers: [1] },
    { resource, scopes_supported: [null] },
    { resource, bearer_methods_supported: {} },
    { resource, jwks_uri: 1 },
    { resource, resource_name: [] },
    { resource, tls_client_certificate_bound_access_tokens: "true" },
  ];
  for (const document of invalid) assert.notEqual(judge(document), undefined, JSON.stringify(document));
  assert.notEqual(findMetadataFault(new Uint8Array([0xff])), undefined);
});
