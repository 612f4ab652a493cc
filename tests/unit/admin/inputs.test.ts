import assert from "node:assert/strict";
import fc from "fast-check";
import { AdminError, managementBase, parseScopeIds, readCaBundle } from "../../../src/admin/mod.ts";
import { tunnelPath } from "../../../src/admin/tunnel_path.ts";

function message(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof AdminError, String(error));
    return error.message;
  }
  assert.fail("did not throw");
}

Deno.test("parseScopeIds() splits on commas like CSV, trims, and drops blanks [A-6, C-5]", () => {
  const table: readonly (readonly [values: string[], ids: string[]])[] = [
    [[], []],
    [[""], []],
    [[" , ,"], []],
    [["a"], ["a"]],
    [[" a ,b", "c"], ["a", "b", "c"]],
    [['"a,b",c', '"say ""x"""'], ["a,b", "c", 'say "x"']],
    [["a,"], ["a"]],
    [[",a"], ["a"]],
  ];
  for (const [values, ids] of table) assert.deepEqual(parseScopeIds("organization-id", values), ids);
});

Deno.test("parseScopeIds() refuses ids that come twice, and names each once [A-6]", () => {
  assert.equal(
    message(() => parseScopeIds("organization-id", ["a,b", " a", "b,a"])),
    "duplicate organization-id: a, b",
  );
  assert.equal(message(() => parseScopeIds("workspace-id", ["w", "w"])), "duplicate workspace-id: w");
});

Deno.test("tunnelPath() refuses ids that name nothing or lead elsewhere", () => {
  for (const id of ["", " ", "\t"]) assert.match(message(() => tunnelPath(id)), /^tunnel id is required/);
  for (const id of [".", "..", "a\nb", "\u0000", "\ud800"]) {
    assert.match(message(() => tunnelPath(id)), /^invalid tunnel id/);
  }
});

Deno.test("tunnelPath() percent-encodes an id once, and it stays one segment", () => {
  assert.equal(tunnelPath("tunnel_123"), "/v1/tunnels/tunnel_123");
  assert.equal(tunnelPath("a b/c%2e?x#y"), "/v1/tunnels/a%20b%2Fc%252e%3Fx%23y");
  fc.assert(fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (id) => {
    let path: string;
    try {
      path = tunnelPath(id);
    } catch (error) {
      assert.ok(error instanceof AdminError);
      return;
    }
    const { pathname, search, hash } = new URL(path, "https://h");
    assert.deepEqual([pathname, search, hash], [path, "", ""]);
    assert.deepEqual(path.split("/").map(decodeURIComponent), ["", "v1", "tunnels", id]);
  }));
});

Deno.test("managementBase() keeps origin and prefix only [P-3, P-4, P-143]", () => {
  const base = (url: string, path: string) => {
    const { origin, prefix } = managementBase({ text: url, source: "--url" }, { text: path, source: "VAR" });
    return origin + prefix;
  };
  assert.equal(base("https://h", ""), "https://h");
  assert.equal(base("https://user:pass@H:443/v1/tunnel?x=1#y", "/"), "https://h");
  assert.equal(base("http://127.0.0.1:9000/", " /gateway/dev/us/ "), "http://127.0.0.1:9000/gateway/dev/us");
  assert.equal(base("https://h", "/a//b/../c"), "https://h/a/c");
});

Deno.test("managementBase() names setting and source of what is wrong, and shows no user info [CFG-17, CFG-45]", () => {
  const said = (url: string, path: string) =>
    message(() => managementBase({ text: url, source: "--url" }, { text: path, source: "VAR" }));
  for (const url of ["", "h:3000/x", "ftp://h", "http://", "https://u:secret@", "http://u:secret@/x"]) {
    const told = said(url, "");
    assert.match(
      told,
      /^invalid control-plane\.base-url .*\(--url\): .*; use the host root, such as https:\/\/api\.openai\.com$/,
    );
    assert.ok(!told.includes("secret"), told);
  }
  for (const path of ["gateway", "//u:secret@h", "https://u:secret@g/x", "/dev?key=secret", "/%zz"]) {
    const told = said("https://h", path);
    assert.match(told, /^invalid control-plane\.url-path .*\(VAR\): /);
    assert.ok(!told.includes("secret"), told);
  }
});

Deno.test("readCaBundle() follows a path, file: and env:, and wants a certificate there [CFG-19, CFG-55]", () => {
  const pem = "x\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  const files: Record<string, string> = { "/ca.pem": pem, "/empty.pem": "nothing" };
  const read = (reference: string, env: Record<string, string> = {}) =>
    readCaBundle({
      reference,
      env,
      readTextFile: (path) => {
        const text = files[path];
        if (text === undefined) throw new Deno.errors.NotFound("none");
        return text;
      },
    });
  assert.equal(read(" "), undefined);
  assert.equal(read("/ca.pem"), pem);
  assert.equal(read("File: /ca.pem"), pem);
  assert.equal(read("ENV:CA", { CA: " /ca.pem " }), pem);
  assert.match(
    message(() => read("/none.pem")),
    /^invalid ca-bundle "\/none\.pem": it cannot be read: no such file; check the path$/,
  );
  assert.match(
    message(() => read("/empty.pem")),
    /^invalid ca-bundle "\/empty\.pem": it holds no certificate/,
  );
  assert.match(message(() => read("env:CA")), /variable CA is not set or empty/);
  assert.match(message(() => read("file:")), /nothing stands after file:/);
});
