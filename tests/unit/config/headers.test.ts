import assert from "node:assert/strict";
import { load, problemsOf, type TestSources } from "../../support/config_sources.ts";

const LISTS = ["control-plane.extra-headers", "mcp.extra-headers", "mcp.discovery-extra-headers"] as const;

function headersOf(sources: TestSources): unknown {
  return load(sources).mcp.extraHeaders;
}

const flags = (...items: string[]) => ({ flags: { "mcp.extra-headers": items } });

const READ: ReadonlyArray<[what: string, sources: TestSources, headers: unknown]> = [
  ["one header", flags("X-Debug: 1"), [["X-Debug", "1"]]],
  ["blanks around name and value", flags("  x-debug :  a b  "), [["X-Debug", "a b"]]],
  ["a value with colons", flags("X-Url: http://h:1/"), [["X-Url", "http://h:1/"]]],
  ["a value with commas and semicolons in a flag", flags("Cookie: a=1; b=2,3"), [["Cookie", "a=1; b=2,3"]]],
  ["canonical names", flags("X-MCP: 1", "x-a--b: 2", "_x: 3"), [["X-Mcp", "1"], ["X-A--B", "2"], [
    "_x",
    "3",
  ]]],
  ["case variants with one value", flags("X-A: 1", "x-a: 1"), [["X-A", "1"]]],
  ["the same spelling twice", flags("X-A: 1", "X-B: 2", "X-A: 3"), [["X-A", "3"], ["X-B", "2"]]],
  ["TAB and letters beyond ASCII in a value", flags("X-A: a\tä"), [["X-A", "a\tä"]]],
  [
    "a variable split at commas and semicolons, blanks dropped",
    { env: { MCP_EXTRA_HEADERS: "X-A: 1,; X-B: 2 ;," } },
    [["X-A", "1"], ["X-B", "2"]],
  ],
  ["a referenced variable, trimmed", { ...flags("X-A: Env:V_1"), env: { V_1: " a,b \n" } }, [["X-A", "a,b"]]],
  [
    "a reference inside a variable",
    { env: { MCP_EXTRA_HEADERS: "X-A: env:V", V: "x;y" } },
    [["X-A", "x;y"]],
  ],
  ["a file without its last line ending", { ...flags("X-A: FILE:/f"), files: { "/f": " a \r\n" } }, [[
    "X-A",
    " a ",
  ]]],
  ["a file without line ending", { ...flags("X-A: file:/f"), files: { "/f": "a" } }, [["X-A", "a"]]],
];
for (const [what, sources, headers] of READ) {
  Deno.test(`headers: ${what} [CFG-65 … CFG-68, HD-14 … HD-16]`, () => {
    assert.deepEqual(headersOf(sources), headers);
  });
}

interface Wrong extends TestSources {
  readonly what: string;
  readonly rule: string;
  readonly message: RegExp;
}
const WRONG: readonly Wrong[] = [
  {
    what: "no colon",
    rule: "CFG-65",
    ...flags("hunter2secret"),
    message: /invalid header: no colon in --mcp\.extra-headers/,
  },
  { what: "no name", rule: "CFG-65", ...flags(": hunter2secret"), message: /invalid header: empty name/ },
  { what: "no value", rule: "CFG-65", ...flags("X-A:  "), message: /invalid header: empty value for X-A/ },
  {
    what: "a name with a blank",
    rule: "CFG-67",
    ...flags("X A: hunter2secret"),
    message: /invalid HTTP header name "X A"/,
  },
  {
    what: "a name beyond ASCII",
    rule: "CFG-67",
    ...flags("Xä: hunter2secret"),
    message: /invalid HTTP header name "Xä"/,
  },
  {
    what: "a line break in the value",
    rule: "CFG-65",
    ...flags("X-A: hunter2\nsecret"),
    message: /invalid HTTP header value for X-A/,
  },
  {
    what: "a control character in the value",
    rule: "CFG-67",
    ...flags("X-A: hunter2\u0001"),
    message: /invalid HTTP header value/,
  },
  {
    what: "DEL in the value",
    rule: "CFG-67",
    ...flags("X-A: hunter2\u007f"),
    message: /invalid HTTP header value/,
  },
  {
    what: "two values in two spellings",
    rule: "CFG-68",
    ...flags("X-A: hunter2", "x-a: other"),
    message: /conflicting values for case-insensitive HTTP header "X-A"/,
  },
  {
    what: "a reference to an unset variable",
    rule: "CFG-66",
    ...flags("X-A: env:NOPE"),
    message: /environment variable NOPE for header X-A .* is not set/,
  },
  {
    what: "a reference to a blank variable",
    rule: "CFG-66",
    ...flags("X-A: env:E"),
    env: { E: " " },
    message: /is empty/,
  },
  {
    what: "a reference without name",
    rule: "CFG-66",
    ...flags("X-A: env:"),
    message: /no valid variable name/,
  },
  {
    what: "a reference to a bad name",
    rule: "CFG-66",
    ...flags("X-A: env:1-2"),
    message: /no valid variable name/,
  },
  {
    what: "a reference without path",
    rule: "CFG-66",
    ...flags("X-A: file:"),
    message: /no path after file:/,
  },
  {
    what: "a reference to a missing file",
    rule: "CFG-66",
    ...flags("X-A: file:/nope"),
    message: /cannot read file "\/nope" for header X-A .*no such file/,
  },
  {
    what: "a file of two lines",
    rule: "CFG-66",
    ...flags("X-A: file:/f"),
    files: { "/f": "hunter2\nsecret\n" },
    message: /invalid HTTP header value/,
  },
  {
    what: "a blank file",
    rule: "CFG-66",
    ...flags("X-A: file:/f"),
    files: { "/f": "\n" },
    message: /is empty/,
  },
  {
    what: "the second of two",
    rule: "CFG-111",
    ...flags("X-A: 1", "hunter2"),
    message: /entry 2 of --mcp\.extra-headers/,
  },
  {
    what: "a piece of a variable",
    rule: "HD-17",
    env: { MCP_EXTRA_HEADERS: "X-A: a,hunter2 secret: b" },
    message: /invalid HTTP header name in entry 2 of MCP_EXTRA_HEADERS/,
  },
];
for (const { what, rule, message, ...sources } of WRONG) {
  Deno.test(`headers: ${what} is refused without showing a value [${rule}]`, () => {
    const problems = problemsOf(sources);
    assert.equal(problems.length, 1);
    assert.match(problems[0]!.message, message);
    assert.doesNotMatch(JSON.stringify(problems), /hunter2|secret/);
  });
}

for (const list of LISTS) {
  Deno.test(`${list} is read and its mistakes name it [CFG-65]`, () => {
    const { controlPlane, mcp } = load({ flags: { [list]: "X-A: 1" } });
    assert.equal([controlPlane.extraHeaders, mcp.extraHeaders, mcp.discoveryExtraHeaders].flat().length, 1);
    assert.match(problemsOf({ flags: { [list]: "x" } })[0]!.message, new RegExp(`--${list}`));
  });
}

const RESERVED = [
  "Authorization",
  "Accept",
  "User-Agent",
  "X-Tunnel-Client-Name",
  "X-Tunnel-Client-Version",
  "X-Tunnel-Client-Wire-Protocol-Version",
  "X-Tunnel-Client-Instance-Id",
  "X-Tunnel-Client-Capabilities",
  "X-Tunnel-MCP-Server-Info",
  "X-Tunnel-Shard-Token",
  "X-Client-Request-Id",
  "Content-Type",
];
for (const name of RESERVED) {
  Deno.test(`${name} is reserved on the control plane and free for MCP servers [CFG-69, P-11, P-13, A-8, A-9]`, () => {
    for (const spelling of [name, name.toLowerCase(), name.toUpperCase()]) {
      const [problem] = problemsOf({ flags: { "control-plane.extra-headers": `${spelling}: hunter2` } });
      assert.equal(problem!.code, "reserved_name");
      assert.match(problem!.message, /cannot override control-plane authentication/);
      assert.doesNotMatch(problem!.message, /hunter2/);
    }
    for (const list of LISTS.slice(1)) {
      assert.deepEqual(problemsOf({ flags: { [list]: `${name}: x` } }), []);
    }
  });
}

Deno.test("OpenAI-Organization may be an extra header [P-11]", () => {
  const { controlPlane } = load({ flags: { "control-plane.extra-headers": "OpenAI-Organization: org-x" } });
  assert.deepEqual(controlPlane.extraHeaders, [["Openai-Organization", "org-x"]]);
});
