import assert from "node:assert/strict";
import { originOf } from "../../../src/net/mod.ts";

Deno.test("originOf() shows scheme, host and port, and nothing that may be secret [L-8]", () => {
  assert.equal(
    originOf("https://user:key@Host.example:8443/secret/path?token=1#x"),
    "https://host.example:8443",
  );
  assert.equal(originOf("http://host.example:80/mcp"), "http://host.example");
  assert.equal(originOf("https://[::1]:3000/"), "https://[::1]:3000");
  assert.equal(originOf(new URL("http://127.0.0.1:8080/mcp?key=1")), "http://127.0.0.1:8080");
});

Deno.test("originOf() never repeats text that is no URL", () => {
  for (const text of ["secret", "http://", "http://user:key@[bad/", ""]) {
    assert.equal(originOf(text), "(not a URL)");
  }
});
