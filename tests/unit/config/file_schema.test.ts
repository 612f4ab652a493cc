import assert from "node:assert/strict";
import { load, loadAll, MINIMAL, problemsOf, PROFILE_PATH } from "../../support/config_sources.ts";

/** A profile, its mistakes as the texts must say them, in order. */
const REFUSED: ReadonlyArray<[what: string, rule: string, yaml: string, messages: readonly string[]]> = [
  ["an unknown key at the top", "CFG-34", "tunnel: 1", [":1:1: field tunnel not found; "]],
  [
    "an unknown key with a near one",
    "CFG-34",
    "control_plane:\n  tunel_id: x",
    [":2:3: field tunel_id not found in control_plane; did you mean tunnel_id?"],
  ],
  [
    "a key in the wrong place",
    "CFG-34",
    "pid_file: /x",
    [":1:1: field pid_file not found; it belongs at process.pid_file"],
  ],
  [
    "an unknown key in a list entry",
    "CFG-34",
    "mcp:\n  server_urls:\n    - {url: http://h, chanel: a}",
    [":3:23: field chanel not found in mcp.server_urls[0]; did you mean channel?"],
  ],
  [
    "a member of URLs in a command",
    "CFG-78",
    "mcp: {commands: [{command: x, http_proxy: http://p}]}",
    ["field http_proxy not found in mcp.commands[0]"],
  ],
  [
    "a key twice",
    "CFG-34",
    "log:\n  level: info\n  level: INFO",
    [":3:3: mapping key level already defined at line 2"],
  ],
  ["a text for a mapping", "CFG-34", "log: debug", [":1:6: log must be a mapping, not a text"]],
  ["a list for a text", "CFG-34", "log: {file: [a]}", [":1:13: log.file must be a text, not a list"]],
  [
    "a text for a list",
    "CFG-34",
    "control_plane: {poll_channels: main}",
    ["control_plane.poll_channels must be a list, not a text"],
  ],
  [
    "a list for headers",
    "CFG-34",
    "mcp: {extra_headers: ['X-A: 1']}",
    ["mcp.extra_headers must be a mapping, not a list"],
  ],
  ["a list for the file", "CFG-34", "- a", [
    ":1:1: the file must be a mapping, not a list; it consists of lines such as name: value; see",
  ]],
  [
    "a number in quotes",
    "CFG-34",
    "harpoon: {max_redirects: '3'}",
    ['harpoon.max_redirects is "3": a number must not stand in quotes'],
  ],
  ["a fraction", "issue 5", "harpoon: {max_redirects: 3.7}", [
    'harpoon.max_redirects is "3.7": not a whole number',
  ]],
  ["a boolean that is a number", "CFG-34", "log: {http_raw_unsafe: 1}", [
    'log.http_raw_unsafe is "1": not a boolean',
  ]],
  [
    "a boolean in quotes",
    "CFG-34",
    "log: {http_raw_unsafe: 'true'}",
    ["a boolean must not stand in quotes; remove the quotes"],
  ],
  ["no document", "CFG-35", "# nothing\n", [":1:1: the file holds no YAML document"]],
  ["an empty file", "CFG-35", "", [":1:1: the file holds no YAML document"]],
  ["version 3", "CFG-36, A-116", "config_version: 3", [":1:17: unsupported config_version 3; use 1 or 2"]],
  ["version 0", "CFG-36", "config_version: 0", ["unsupported config_version 0"]],
  ["a version that is none", "CFG-36", "config_version: one", [
    'config_version is "one": not a whole number',
  ]],
  [
    "a second document in version 2",
    "A-116",
    "config_version: 2\n---\n",
    [":1:17: a file with config_version: 2 must hold exactly one YAML document"],
  ],
  [
    "a template in version 1",
    "A-116",
    "harpoon: {targets: [{label: a, template: {}}]}",
    [
      "a target template requires config_version: 2",
      "version is required in harpoon.targets[0].template",
      "origin is required",
      "path_template is required",
      "parameters is required",
    ],
  ],
  [
    "an entry without URL",
    "CFG-40",
    "mcp:\n  server_urls:\n    - channel: a",
    [":3:7: url is required in mcp.server_urls[0]; add url: …"],
  ],
  [
    "an entry without command",
    "CFG-40",
    "mcp: {commands: [{channel: a}]}",
    ["command is required in mcp.commands[0]"],
  ],
  [
    "a target without label",
    "CFG-40",
    "harpoon: {targets: [{url: https://h}]}",
    ["label is required in harpoon.targets[0]"],
  ],
  [
    "a target without URL",
    "CFG-40",
    "harpoon: {targets: [{label: a}]}",
    ['missing url for target "a"'],
  ],
  ["an alias without anchor", "CFG-35", "log: {file: *x}", [
    "YAML syntax: an alias (*) without an anchor (&)",
  ]],
  ["an anchor in itself", "CFG-35", "log: &x {file: *x}", ["an alias (*) inside its own anchor"]],
  ["a merge of a text", "CFG-35", "log: {<<: a}", ["<< needs a mapping, or a list of mappings"]],
  ["a key that is a mapping", "CFG-34", "? {a: 1}\n: 2", ["a key must be a plain text"]],
  ["an open bracket", "CFG-34", "log: {level: [", ["YAML syntax: "]],
  ["a tab", "CFG-34", "log:\n\tlevel: info", [":2:1: YAML syntax: a tab as indentation; use spaces"]],
  ["a colon too many", "CFG-34", "log: a: b", ["YAML syntax: a second colon on the line"]],
  [
    "several mistakes",
    "CFG-34",
    "a: 1\nlog: {level: [x]}\nb: 2",
    [":1:1: field a not found", ":2:14: log.level must be a text, not a list", ":3:1: field b not found"],
  ],
];
for (const [what, rule, yaml, messages] of REFUSED) {
  Deno.test(`a file with ${what} is refused [${rule}]`, () => {
    const problems = problemsOf({ yaml });
    assert.equal(problems.length, messages.length, problems.map((problem) => problem.message).join("\n"));
    messages.forEach((text, index) => {
      const { message, suggestion, source, location } = problems[index]!;
      const told = suggestion === "" ? message : `${message}; ${suggestion}`;
      assert.ok(told.includes(text), told);
      assert.ok(told.includes(PROFILE_PATH), told);
      assert.equal(source, "yaml");
      assert.equal(location?.path, PROFILE_PATH);
    });
  });
}

const ACCEPTED: ReadonlyArray<[what: string, rule: string, yaml: string]> = [
  ["null", "CFG-35", "null"],
  ["an empty mapping", "CFG-35", "{}"],
  ["only a version", "CFG-36", "config_version: 1"],
  ["a version as a float", "section 3.2", "config_version: 1.0"],
  ["version 2", "A-116", "config_version: 2"],
  ["a null everywhere", "section 3.2", "log: ~\nmcp: {server_urls: null, extra_headers:}\nca_bundle: Null"],
  ["a second document, even a broken one", "CFG-35", "config_version: 1\n---\n{ [ : x"],
  [
    "a directive of YAML 1.1",
    "CFG-35",
    "%YAML 1.1\n---\nlog: &l {format: json}\nhealth: {<<: {url_file: /x}}",
  ],
  ["a directive of YAML 1.2", "CFG-35", "%YAML 1.2\n---\nlog: {format: json}"],
  ["JSON", "CFG-35", '{"config_version": 1,\n\t"log": {"level": "info", "format": "json"}}'],
  ["an own tag", "CFG-35", "log: {file: !path /x}"],
];
for (const [what, rule, yaml] of ACCEPTED) {
  Deno.test(`a file with ${what} is accepted [${rule}]`, () => {
    assert.deepEqual(problemsOf({ yaml }), []);
  });
}

Deno.test("anchors, aliases and merge keys work; own keys win, earlier maps over later ones [CFG-35]", () => {
  const yaml = [
    "mcp:",
    "  server_urls:",
    "    - &a {channel: a, url: http://a, unix_socket: /a}",
    "    - {<<: *a, channel: b}",
    "    - {<<: [{channel: c}, *a], url: http://c}",
    "  extra_headers: &h {X-A: one}",
    "  discovery_extra_headers: *h",
  ].join("\n");
  const env = { ...MINIMAL };
  delete env.MCP_SERVER_URL;
  const { config } = loadAll({ yaml, env: { ...env, MCP_COMMAND: "x" } });
  assert.deepEqual(config.mcp.discoveryExtraHeaders, [["X-A", "one"]]);
  assert.deepEqual(
    config.mcp.bindings.map((binding) =>
      binding.transport === "stdio" ? binding.channel : [binding.channel, binding.url, binding.unixSocket]
    ),
    [["a", "http://a", "/a"], ["b", "http://a", "/a"], ["c", "http://c", "/a"], "main"],
  );
});

const INTEGERS: ReadonlyArray<[text: string, value: number]> = [
  ["7", 7],
  ["+7", 7],
  ["0x1F", 31],
  ["0o17", 15],
  ["017", 15],
  ["0b11", 3],
  ["1_000", 1000],
  ["1e3", 1000],
  ["20.0", 20],
  ["08", 8],
];
for (const [text, value] of INTEGERS) {
  Deno.test(`a file's ${text} is the number ${value} [section 3.2]`, () => {
    const { controlPlane } = load({ yaml: `control_plane: {max_inflight_requests: ${text}}` });
    assert.equal(controlPlane.maxInflight, value);
  });
}
for (const text of ["3.7", "1e-1", ".inf", "1e400", "9007199254740993", "x", "1__0", "'1'"]) {
  Deno.test(`a file's ${text} is no whole number [section 3.2, issue 5]`, () => {
    assert.equal(problemsOf({ yaml: `control_plane: {max_inflight_requests: ${text}}` }).length, 1);
  });
}

const BOOLEANS: ReadonlyArray<[texts: readonly string[], value: boolean]> = [
  [["true", "True", "TRUE", "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "'yes'"], true],
  [["false", "False", "FALSE", "n", "N", "no", "No", "NO", "off", "Off", "OFF"], false],
];
for (const [texts, value] of BOOLEANS) {
  Deno.test(`a file's ${texts.join(", ")} are ${value} [section 3.2]`, () => {
    for (const text of texts) {
      const { harpoon } = load({ yaml: `harpoon: {hosts_include_private: ${text}}` });
      assert.equal(harpoon.hostsIncludePrivate, value, text);
    }
  });
}

Deno.test("numbers and booleans stand for their text where a text is wanted; durations need a unit [section 3.2]", () => {
  const { log, mcp } = load({ yaml: "log: {file: 0x10}\nmcp: {extra_headers: {X-A: true, X-B: 1.50}}" });
  assert.equal(log.file, "0x10");
  assert.deepEqual(mcp.extraHeaders, [["X-A", "true"], ["X-B", "1.50"]]);
  assert.equal(load({ yaml: "mcp: {startup_wait_timeout: 0}" }).mcp.startupWaitTimeoutMs, 0);
  const [problem] = problemsOf({ yaml: "control_plane:\n  poll_timeout: 30" });
  assert.equal(
    problem!.message,
    `invalid value "30" for control_plane.poll_timeout at ${PROFILE_PATH}:2:17: a duration needs a unit`,
  );
});

Deno.test("what is missing only because its key is misspelled, or wrong, is not told as well", () => {
  const { CONTROL_PLANE_TUNNEL_ID: _, ...env } = MINIMAL;
  const yaml = "control_plane: {tunnelid: x}";
  const problems = problemsOf({ yaml, env: { ...env, CONTROL_PLANE_TUNNEL_ID: "" } });
  assert.deepEqual(problems.map(({ code }) => code), ["unknown_key"]);
  const [reference, ...others] = problemsOf({
    yaml: "control_plane: {api_key: env:NOPE}",
    env: { CONTROL_PLANE_API_KEY: undefined! },
  });
  assert.deepEqual([reference!.code, others], ["invalid_reference", []]);
});

Deno.test("mistakes in values are told together with those of the schema, in the order of the file first [CFG-108]", () => {
  const problems = problemsOf({ yaml: "zzz: 1\ncontrol_plane: {poll_timeout: x}\nlog: {format: xml}" });
  assert.deepEqual(problems.map(({ setting }) => setting), [
    "config",
    "control-plane.poll-timeout",
    "log.format",
  ]);
});
