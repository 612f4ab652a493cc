import assert from "node:assert/strict";
import fc from "fast-check";
import { ConfigError, InvalidValueError, parseCommandLine } from "../../../src/config/mod.ts";
import { load, loadBare, MINIMAL, problemsOf, type TestSources } from "../../support/config_sources.ts";

const { MCP_SERVER_URL: _, ...WITHOUT_TARGET } = MINIMAL;

/** Bindings of a configuration, in short. */
function bindingsOf(sources: TestSources): string[] {
  const { mcp } = loadBare({ ...sources, env: { ...WITHOUT_TARGET, ...sources.env } });
  return mcp.bindings.map((binding) =>
    binding.transport === "stdio"
      ? `${binding.channel}: ${binding.command} ${JSON.stringify(binding.argv)}`
      : `${binding.channel}: ${binding.url}`
  );
}

const URLS: ReadonlyArray<[entry: string, binding: string]> = [
  ["https://h/mcp", "main: https://h/mcp"],
  ["https://h/mcp?a=1,2&b=c=d", "main: https://h/mcp?a=1,2&b=c=d"],
  ["HTTP://User@H:80/x", "main: HTTP://User@H:80/x"],
  ["url=https://h/mcp", "main: https://h/mcp"],
  ["channel=main,url=https://h/mcp", "main: https://h/mcp"],
  ["channel= Main ,, url= https://h/mcp?x=y ,", "main: https://h/mcp?x=y"],
  ["url=https://a/,channel=main,url=https://b/", "main: https://b/"],
];
for (const [entry, binding] of URLS) {
  Deno.test(`--mcp.server-url ${entry} binds ${binding} [CFG-73, CFG-74]`, () => {
    assert.deepEqual(bindingsOf({ flags: { "mcp.server-url": entry } }), [binding]);
  });
}

const COMMANDS: ReadonlyArray<[entry: string, binding: string]> = [
  ["npx -y server", 'main: npx -y server ["npx","-y","server"]'],
  ["server --list=a,b", 'main: server --list=a,b ["server","--list=a,b"]'],
  ["command=server a", 'main: server a ["server","a"]'],
  [
    'channel=main,command=python -c "print(1,2,3)"',
    'main: python -c "print(1,2,3)" ["python","-c","print(1,2,3)"]',
  ],
  [
    'command=python -c "print(1,2,3)",channel=main',
    'main: python -c "print(1,2,3)" ["python","-c","print(1,2,3)"]',
  ],
  ["command=a,channel=b,channel=main", 'main: a,channel=b ["a,channel=b"]'],
  ["channel=,command=server", 'main: server ["server"]'],
  ["channel=MAIN,command=server,channel=x", 'main: server,channel=x ["server,channel=x"]'],
  ["server a;b", 'main: server a;b ["server","a;b"]'],
];
for (const [entry, binding] of COMMANDS) {
  Deno.test(`--mcp.command ${entry} binds ${binding} [CFG-73, CFG-76]`, () => {
    assert.deepEqual(bindingsOf({ flags: { "mcp.command": entry } }), [binding]);
  });
}

Deno.test("variables hold one entry per line, blank ones dropped, commas and semicolons kept [CFG-72]", () => {
  const env = {
    MCP_SERVER_URL: "  http://a/;x  \r\n\n channel=two,url=http://b/ \r",
    MCP_COMMAND: "\nchannel=three,command=run a;b, c\n",
  };
  assert.deepEqual(bindingsOf({ env }), [
    "main: http://a/;x",
    "two: http://b/",
    'three: run a;b, c ["run","a;b,","c"]',
  ]);
});

Deno.test("bindings are the URLs in order, then the commands [CFG-77]", () => {
  const flags = {
    "mcp.command": ["channel=c,command=x", "main-server"],
    "mcp.server-url": ["channel=b,url=http://b/", "channel=a,url=http://a/"],
  };
  assert.deepEqual(bindingsOf({ flags }).map((text) => text.split(":", 1)[0]), ["b", "a", "c", "main"]);
});

interface Wrong extends TestSources {
  readonly what: string;
  readonly rule: string;
  readonly message: readonly RegExp[];
}
const url = (entry: string) => ({ flags: { "mcp.server-url": entry } });
const command = (entry: string) => ({ flags: { "mcp.server-url": "", "mcp.command": entry } });
const WRONG: readonly Wrong[] = [
  ...["http://", "h:3000/mcp", "/mcp", " http://h/", "ftp://h/", "channel =x,url=http://h/", "http://:80/"]
    .map((entry) => ({
      what: `the URL ${JSON.stringify(entry)}`,
      rule: "CFG-17, CFG-73, CFG-80",
      ...url(entry),
      message: [/invalid mcp\.server-url/, /--mcp\.server-url/],
    })),
  {
    what: "a URL entry with a comma in its URL",
    rule: "CFG-74",
    ...url("channel=main,url=http://h/?a=b,c"),
    message: [/without =/],
  },
  { what: "a URL entry without url", rule: "CFG-74", ...url("channel=main"), message: [/missing url/] },
  {
    what: "a URL entry with an empty value",
    rule: "CFG-74",
    ...url("channel=main,url="),
    message: [/empty key or value/],
  },
  {
    what: "a URL entry with a key in capitals",
    rule: "CFG-74",
    ...url("URL=http://h/"),
    message: [/unsupported key "URL"/],
  },
  {
    what: "a URL entry with a command",
    rule: "CFG-74",
    ...url("command=x,url=http://h/"),
    message: [/unsupported key "command"/],
  },
  {
    what: "a URL entry with a bad channel",
    rule: "CFG-51",
    ...url("channel=a b,url=http://h/"),
    message: [/"a b" is not a channel name/],
  },
  { what: "a blank URL entry in a flag", rule: "CFG-73", ...url("  "), message: [/entry is empty/] },
  {
    what: "a URL for harpoon",
    rule: "CFG-77",
    ...url("channel=Harpoon,url=http://h/"),
    message: [/reserved/, /"harpoon"/],
  },
  {
    what: "a command for harpoon",
    rule: "CFG-77",
    ...command("channel=harpoon,command=x"),
    message: [/reserved/],
  },
  {
    what: "channel= without command=",
    rule: "CFG-76",
    ...command("channel=main"),
    message: [/not followed by command=/],
  },
  {
    what: "channel= followed by a URL",
    rule: "CFG-76",
    ...command("channel=main,url=http://h/"),
    message: [/not followed by command=/],
  },
  {
    what: "an empty command",
    rule: "CFG-76",
    ...command("command=,channel=main"),
    message: [/command is empty/],
  },
  {
    what: "a command entry with a URL",
    rule: "CFG-76",
    ...command("url=http://h/"),
    message: [/unsupported key "url"/],
  },
  {
    what: "a command key in capitals",
    rule: "CFG-76",
    ...command("Command=x"),
    message: [/unsupported key "Command"/],
  },
  ...["http-proxy", "URL", "unix-socket", "client-cert", "client-key"].map((key) => ({
    what: `a command with ,${key}=`,
    rule: "CFG-76, CH-17",
    ...command(`channel=main,command=x "a,${key}=b"`),
    message: [new RegExp(`unsupported key "${key}"`)],
  })),
  {
    what: "a channel suffix that is no name",
    rule: "CFG-76",
    ...command("command=a,channel=b,url=u"),
    message: [/"b,url=u" is not a channel name/],
  },
  {
    what: "an open quote",
    rule: "CFG-79",
    ...command("server 'a"),
    message: [/invalid mcp\.command/, /unterminated quote/, /--mcp\.command/],
  },
  {
    what: "a backslash at the end",
    rule: "CFG-79",
    env: { MCP_SERVER_URL: "", MCP_COMMAND: "server a\\" },
    message: [/invalid mcp\.command in MCP_COMMAND/, /trailing backslash/],
  },
  {
    what: "the second of two entries",
    rule: "CFG-111",
    env: { MCP_SERVER_URL: "http://h/\nchannel=x,url=nope" },
    message: [/entry 2 of MCP_SERVER_URL/],
  },
];
for (const { what, rule, message, ...sources } of WRONG) {
  Deno.test(`${what} is refused [${rule}]`, () => {
    const problems = problemsOf(sources);
    assert.equal(problems.length, 1, problems.map((problem) => problem.message).join("\n"));
    for (const pattern of message) assert.match(problems[0]!.message, pattern);
  });
}

const DUPLICATES: ReadonlyArray<[what: string, sources: TestSources, message: RegExp]> = [
  [
    "two flags",
    { flags: { "mcp.server-url": ["http://a/", "channel=MAIN,url=http://b/"] } },
    /already bound to http-streamable by --mcp\.server-url/,
  ],
  [
    "a URL and a command by flag",
    { flags: { "mcp.server-url": "http://a/", "mcp.command": "x" } },
    /--mcp\.command: already bound to http-streamable by --mcp\.server-url/,
  ],
  [
    "a URL and a command by variable",
    { env: { MCP_COMMAND: "x" } },
    /MCP_COMMAND: already bound to http-streamable by MCP_SERVER_URL/,
  ],
];
for (const [what, sources, message] of DUPLICATES) {
  Deno.test(`main bound by ${what} is a duplicate channel [CFG-77, CH-3]`, () => {
    const [problem, ...others] = problemsOf(sources);
    assert.deepEqual(others, []);
    assert.match(problem!.message, /duplicate channel "main"/);
    assert.match(problem!.message, message);
    assert.equal(problem!.code, "duplicate");
  });
}

Deno.test("a flag's binding of a channel displaces a variable's, other channels stay [CFG-5]", () => {
  const env = { MCP_SERVER_URL: "http://a/\nchannel=b,url=http://b/", MCP_COMMAND: "channel=c,command=z" };
  assert.deepEqual(bindingsOf({ flags: { "mcp.command": "x" }, env }), ["b: http://b/", 'main: x ["x"]']);
  assert.deepEqual(bindingsOf({ flags: { "mcp.server-url": "http://f/" }, env: { MCP_COMMAND: "x" } }), [
    "main: http://f/",
  ]);
});

Deno.test("the embedded demo server replaces main and keeps the other channels [A-166]", () => {
  const mainServerUrl = "http://127.0.0.1:9/mcp";
  const env = { MCP_SERVER_URL: "channel=b,url=http://b/", MCP_COMMAND: "x" };
  assert.deepEqual(bindingsOf({ env, mainServerUrl }), [`main: ${mainServerUrl}`, "b: http://b/"]);
  assert.deepEqual(bindingsOf({ mainServerUrl }), [`main: ${mainServerUrl}`]);
  assert.throws(() => bindingsOf({ env: { MCP_SERVER_URL: "nope" }, mainServerUrl }), ConfigError);
});

Deno.test("without a main binding the error says how to get one [CFG-53, CH-8]", () => {
  const [none] = problemsOf({ env: { MCP_SERVER_URL: "" } });
  assert.match(none!.message, /main channel is required/);
  assert.match(none!.message, /set --mcp\.server-url or --mcp\.command/);
  assert.match(none!.message, /MCP_SERVER_URL or MCP_COMMAND/);
  assert.equal(none!.code, "missing_binding");
  assert.equal(none!.source, "none");
  const [other] = problemsOf({ env: { MCP_SERVER_URL: "channel=tools,url=http://h/" } });
  assert.match(other!.message, /main channel is required/);
  assert.match(other!.message, /add channel=main/);
  assert.match(other!.message, /"tools"/);
});

const LINES: ReadonlyArray<[line: string, words: readonly string[]]> = [
  ["cmd", ["cmd"]],
  ["  cmd\t a \n b\r", ["cmd", "a", "b"]],
  ["cmd hello\\ world", ["cmd", "hello world"]],
  ["bash -c 'echo a; echo b'", ["bash", "-c", "echo a; echo b"]],
  ['node "path with spaces/app.js"', ["node", "path with spaces/app.js"]],
  ['--name="Ada Lovelace"', ["--name=Ada Lovelace"]],
  [`a'b'"c"d`, ["abcd"]],
  [`x '' "" y`, ["x", "", "", "y"]],
  [`x ''a`, ["x", "a"]],
  [`x 'a\\b'`, ["x", "a\\b"]],
  [`x "a\\"b\\\\c\\d"`, ["x", 'a"b\\cd']],
  [`x $HOME ~ * | & ;`, ["x", "$HOME", "~", "*", "|", "&", ";"]],
  [`x 'it'"'"'s'`, ["x", "it's"]],
  [`x 'it'\\''s'`, ["x", "it's"]],
  ["x \\n", ["x", "n"]],
  ["x 'ä 🙂'", ["x", "ä 🙂"]],
];
for (const [line, words] of LINES) {
  Deno.test(`parseCommandLine() splits ${JSON.stringify(line)} into ${JSON.stringify(words)} [ST-1, CFG-79]`, () => {
    assert.deepEqual(parseCommandLine(line), words);
  });
}

for (const line of ["", "  \n", "'a", 'a "b', "a\\", '"a\\', "''", "'' x"]) {
  Deno.test(`parseCommandLine() refuses ${JSON.stringify(line)} [ST-2]`, () => {
    assert.throws(() => parseCommandLine(line), InvalidValueError);
  });
}

Deno.test("parseCommandLine() undoes the quoting of any words [W-4]", () => {
  const word = fc.string();
  fc.assert(fc.property(fc.string({ minLength: 1 }), fc.array(word), (first, others) => {
    const words = [first, ...others];
    const line = words.map((text) => `'${text.replaceAll("'", `'"'"'`)}'`).join(" ");
    assert.deepEqual(parseCommandLine(line), words);
  }));
});

Deno.test("the binding grammar gives bindings or a ConfigError for any text", () => {
  const piece = fc.constantFrom(
    "url=",
    "command=",
    "channel=",
    ",",
    "=",
    "http://h/",
    "x",
    " ",
    "'",
    '"',
    "\\",
    "main",
    "\n",
    "client-key=",
    "harpoon",
  );
  const text = fc.array(piece).map((pieces) => pieces.join(""));
  fc.assert(fc.property(text, fc.constantFrom("mcp.server-url", "mcp.command"), (entry, name) => {
    try {
      load({ flags: { [name]: entry } });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
    }
  }));
});
