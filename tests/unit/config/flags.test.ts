import assert from "node:assert/strict";
import {
  ConfigError,
  embeddedStubOptions,
  type FlagSpec,
  parseFlags,
  parseInteger,
  suggestName,
  UsageError,
} from "../../../src/config/mod.ts";

const COMMON = { repeatable: false, placeholder: "X", default: "", help: "", group: "" } as const;
const SPECS: readonly FlagSpec[] = [
  { ...COMMON, name: "mcp.server-url", alias: "mcp-server-url", syntax: "text", repeatable: true },
  { ...COMMON, name: "log.level", syntax: "text" },
  { ...COMMON, name: "count", syntax: "int" },
  { ...COMMON, name: "wait", syntax: "duration" },
  { ...COMMON, name: "json", syntax: "bool" },
];

type Parsed = [flags: Record<string, string[]>, words?: string[]];
const PARSED: ReadonlyArray<[args: string[], parsed: Parsed, rule: string]> = [
  [[], [{}], "C-1"],
  [["--log.level", "debug"], [{ "log.level": ["debug"] }], "CFG-12"],
  [["--log.level=debug"], [{ "log.level": ["debug"] }], "CFG-12"],
  [["--log.level="], [{ "log.level": [""] }], "CFG-7"],
  [["--log.level", ""], [{ "log.level": [""] }], "CFG-7"],
  [["--log.level", "--json"], [{ "log.level": ["--json"] }], "CFG-12"],
  [["--log.level=a=b"], [{ "log.level": ["a=b"] }], "CFG-12"],
  [["--log.level", "a", "--log.level=b"], [{ "log.level": ["a", "b"] }], "C-5"],
  [["--mcp-server-url", "a,b"], [{ "mcp-server-url": ["a,b"] }], "CFG-13, CFG-14"],
  [["--json"], [{ json: ["true"] }], "C-3"],
  [["--json", "false"], [{ json: ["true"] }, ["false"]], "CFG-12"],
  [["--json=false"], [{ json: ["false"] }], "C-3"],
  [["a", "--json", "b"], [{ json: ["true"] }, ["a", "b"]], "C-1"],
  [["--", "--json", "-x"], [{}, ["--json", "-x"]], "C-1"],
  [["-"], [{}, ["-"]], "C-1"],
  [["--count=-0x1F", "--wait", "1.5h"], [{ count: ["-0x1F"], wait: ["1.5h"] }], "C-4"],
];
for (const [args, [flags, words = []], rule] of PARSED) {
  Deno.test(`parseFlags() reads ${JSON.stringify(args)} [${rule}]`, () => {
    assert.deepEqual(parseFlags(SPECS, args), { flags, words, help: false });
  });
}

for (const args of [["-h"], ["--help"], ["--json", "-h", "x"]]) {
  Deno.test(`parseFlags() sees the wish for help in ${JSON.stringify(args)} [C-2]`, () => {
    assert.equal(parseFlags(SPECS, args).help, true);
  });
}

const REFUSED: ReadonlyArray<[args: string[], message: RegExp, rule: string]> = [
  [["--bogus"], /^unknown flag: --bogus$/, "CFG-12"],
  [["--bogus=secretvalue"], /^unknown flag: --bogus$/, "C-16"],
  [["--log.levle", "x"], /^unknown flag: --log\.levle; did you mean --log\.level\?$/, "issue 3"],
  [["--log-level", "x"], /did you mean --log\.level\?/, "issue 3"],
  [["--server-url", "x"], /did you mean --mcp\.server-url\?/, "issue 3"],
  [["--jso"], /did you mean --json\?/, "issue 3"],
  [["--log"], /^unknown flag: --log$/, "CFG-12"],
  [["--log.level"], /^flag needs an argument: --log\.level$/, "CFG-12"],
  [["--="], /^unknown flag: --$/, "CFG-12"],
  [["-log.level", "x"], /^unknown shorthand flag: 'l' in -log\.level; did you mean --log\.level\?$/, "C-6"],
  [["-x"], /^unknown shorthand flag: 'x' in -x$/, "C-6"],
  [["--count", "abc"], /^invalid argument "abc" for "--count" flag/, "CFG-12"],
  [["--count="], /^invalid argument "" for "--count" flag/, "CFG-12"],
  [["--count", "1.0"], /^invalid argument "1\.0" for "--count" flag/, "CFG-12"],
  [["--wait=30"], /^invalid argument "30" for "--wait" flag: a duration needs a unit/, "CFG-15"],
  [["--json=yes"], /^invalid argument "yes" for "--json" flag/, "C-3"],
  [["--help", "--bogus"], /^unknown flag: --bogus$/, "C-7"],
];
for (const [args, message, rule] of REFUSED) {
  Deno.test(`parseFlags() refuses ${JSON.stringify(args)} [${rule}]`, () => {
    assert.throws(
      () => parseFlags(SPECS, args),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  });
}

Deno.test("parseFlags() tells every mistake, one per line, in order [C-7]", () => {
  assert.throws(() => parseFlags(SPECS, ["--a", "--count", "x", "--wait"]), {
    name: "UsageError",
    message: /^unknown flag: --a\ninvalid argument "x" .*\nflag needs an argument: --wait$/,
  });
});

Deno.test("parseInteger() reads what Go reads [C-4]", () => {
  const good: ReadonlyArray<[string, number]> = [
    ["0", 0],
    ["-0", 0],
    ["007", 7],
    ["0_7", 7],
    ["0X_ff", 255],
    ["0B1_0", 2],
    ["-12", -12],
  ];
  for (const [text, value] of good) assert.equal(parseInteger(text), value, text);
  for (const text of ["08", "_1", "1_", "1__0", "0x", "1e3", " 1", "", "+", "0b2", "9007199254740993"]) {
    assert.throws(() => parseInteger(text), { name: "InvalidValueError" }, text);
  }
});

Deno.test("suggestName() finds near names and nothing far", () => {
  const names = ["run", "demo", "relay", "dev", "control-plane.tunnel-id"];
  const cases: ReadonlyArray<[string, string | undefined]> = [
    ["rnu", "run"],
    ["rum", "run"],
    ["RUN", "run"],
    ["realy", "relay"],
    ["tunnel-id", "control-plane.tunnel-id"],
    ["control_plane.tunnel_id", "control-plane.tunnel-id"],
    ["control-plane.tunel-id", "control-plane.tunnel-id"],
    ["bogus", undefined],
    ["", undefined],
  ];
  for (const [typed, meant] of cases) assert.equal(suggestName(typed, names), meant, typed);
});

Deno.test("embeddedStubOptions() fills blanks with the defaults [CFG-82, SB-4]", () => {
  assert.equal(embeddedStubOptions({}), undefined);
  assert.equal(embeddedStubOptions({ "embedded-mcp-stub": ["true", "false"] }), undefined);
  assert.deepEqual(
    embeddedStubOptions({ "embedded-mcp-stub": ["true"], "embedded-mcp-server-name": [" "] }),
    {
      listenAddr: "127.0.0.1:0",
      name: "mcp-stub",
      version: "0.1.0",
    },
  );
  assert.deepEqual(
    embeddedStubOptions({
      "embedded-mcp-stub": ["true"],
      "embedded-mcp-listen-addr": [":1"],
      "embedded-mcp-server-name": ["n"],
      "embedded-mcp-server-version": ["v"],
    }),
    { listenAddr: ":1", name: "n", version: "v" },
  );
});

for (
  const [flag, named] of [["mcp.command", "mcp.command"], ["mcp-command", "mcp.command"], [
    "mcp-server-url",
    "mcp.server-url",
  ]] as const
) {
  Deno.test(`--embedded-mcp-stub cannot be combined with --${flag} [R-5, SB-3]`, () => {
    assert.throws(() => embeddedStubOptions({ "embedded-mcp-stub": ["true"], [flag]: ["x"] }), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, new RegExp(`--embedded-mcp-stub cannot be combined with --${named}`));
      assert.equal(error.problems[0]!.key, flag);
      return true;
    });
  });
}
