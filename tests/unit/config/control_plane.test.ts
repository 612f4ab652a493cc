import assert from "node:assert/strict";
import {
  load,
  loadBare,
  MINIMAL,
  problemsOf,
  problemsOfBare,
  type TestSources,
  TUNNEL_ID,
} from "../../support/config_sources.ts";

interface Wrong extends TestSources {
  readonly what: string;
  readonly rule: string;
  readonly message: readonly RegExp[];
  readonly key?: string;
  readonly code?: string;
}

const flag = (name: string, value: string | string[]) => ({ flags: { [name]: value } });

const WRONG: readonly Wrong[] = [
  // base URL
  ...[
    "http://",
    "://x",
    "host:3000/path",
    "",
    " https://h",
    "https://h ",
    "http://h:99999",
    "http://[::1",
    "https://:8080",
    "https://u@",
  ]
    .filter((url) => url !== "").map((url) => ({
      what: `base URL ${JSON.stringify(url)}`,
      rule: "CFG-17, CFG-43",
      ...flag("control-plane.base-url", url),
      message: [/invalid control-plane\.base-url/, /--control-plane\.base-url/],
    })),
  ...["ftp://h/", "unix:///x", "file:///etc/passwd"].map((url) => ({
    what: `base URL ${url}`,
    rule: "CFG-17",
    env: { CONTROL_PLANE_BASE_URL: url },
    message: [/control-plane\.base-url/, /CONTROL_PLANE_BASE_URL/],
    key: "CONTROL_PLANE_BASE_URL",
  })),
  // URL path
  ...[
    "gateway/dev",
    "https://g.example/dev",
    "/dev?x=1",
    "/dev#x",
    "//host/dev",
    "/%zz",
    "/a\u0001b",
    "user:pw@h/x",
  ].map((path) => ({
    what: `url path ${JSON.stringify(path)}`,
    rule: "CFG-45",
    ...flag("control-plane.url-path", path),
    message: [/invalid control-plane\.url-path/],
  })),
  // tunnel ID
  {
    what: "no tunnel ID",
    rule: "CFG-46",
    env: { CONTROL_PLANE_TUNNEL_ID: "  " },
    message: [/tunnel ID is required/, /--control-plane\.tunnel-id/, /CONTROL_PLANE_TUNNEL_ID/],
    code: "required",
  },
  ...["a/b", "..", ".", "tunnel_a?b", "tunnel_%20", "a\\b", "a b", "tunnel_x#y"].map((id) => ({
    what: `tunnel ID ${id}`,
    rule: "CFG-46",
    ...flag("control-plane.tunnel-id", id),
    message: [/invalid tunnel ID/, /path parameter/],
  })),
  ...[
    "tunnel_123",
    "Tunnel_0123456789abcdefghijklmnopqrstuv",
    `${TUNNEL_ID}0`,
    TUNNEL_ID.toUpperCase(),
    `x${TUNNEL_ID}`,
  ].map((id) => ({
    what: `tunnel ID ${id}`,
    rule: "CFG-46",
    ...flag("control-plane.tunnel-id", id),
    message: [new RegExp(`invalid tunnel ID "${id}"`)],
    code: "invalid_value",
  })),
  // organization
  {
    what: "an organization with a line break",
    rule: "CFG-47",
    ...flag("control-plane.organization-id", "org\r\nX: y"),
    message: [/--control-plane\.organization-id/],
  },
  // queue
  {
    what: "max-inflight 0",
    rule: "CFG-49",
    ...flag("control-plane.max-inflight", "0"),
    message: [/greater than zero/, /--control-plane\.max-inflight is "0"/],
  },
  {
    what: "max-inflight -1",
    rule: "CFG-49",
    env: { CONTROL_PLANE_MAX_INFLIGHT_REQUESTS: "-1" },
    message: [/greater than zero/, /CONTROL_PLANE_MAX_INFLIGHT_REQUESTS is "-1"/],
    key: "CONTROL_PLANE_MAX_INFLIGHT_REQUESTS",
  },
  {
    what: "max-inflight 10001",
    rule: "CFG-49",
    ...flag("control-plane.max-inflight", "10001"),
    message: [/less than or equal to 10000/],
    code: "out_of_range",
  },
  ...["abc", "3.7", "0x10", "1_0", "", "1e3"].filter((text) => text !== "").map((text) => ({
    what: `max-inflight ${text} in the variable`,
    rule: "CFG-14 ff.",
    env: { CONTROL_PLANE_MAX_INFLIGHT_REQUESTS: text },
    message: [/CONTROL_PLANE_MAX_INFLIGHT_REQUESTS/, /not a whole number/],
    code: "invalid_value",
  })),
  {
    what: "max-inflight 3.7 as flag",
    rule: "CFG-12",
    ...flag("control-plane.max-inflight", "3.7"),
    message: [/invalid argument "3\.7" for "--control-plane\.max-inflight" flag/],
  },
  // poll times
  {
    what: "poll timeout 0",
    rule: "CFG-50",
    ...flag("control-plane.poll-timeout", "0"),
    message: [/control-plane\.poll-timeout must be greater than zero/],
  },
  {
    what: "poll timeout without unit",
    rule: "CFG-15",
    env: { CONTROL_PLANE_POLL_TIMEOUT: "30" },
    message: [/CONTROL_PLANE_POLL_TIMEOUT/, /needs a unit/],
  },
  {
    what: "guardrail 60s",
    rule: "CFG-50",
    ...flag("control-plane.poll-deadline-guardrail", "60s"),
    message: [/control-plane\.poll-deadline-guardrail must be less than 1m0s/],
  },
  {
    what: "negative guardrail",
    rule: "CFG-50",
    env: { CONTROL_PLANE_POLL_DEADLINE_GUARDRAIL: "-1s" },
    message: [/must be greater than zero/, /CONTROL_PLANE_POLL_DEADLINE_GUARDRAIL/],
  },
  {
    what: "a sum above 10m",
    rule: "CFG-50",
    ...flag("control-plane.poll-timeout", "595001ms"),
    message: [
      /control-plane\.poll-timeout/,
      /control-plane\.poll-deadline-guardrail/,
      /10m0s/,
      /\(--control-plane\.poll-timeout\)/,
    ],
  },
  // channels
  {
    what: "poll channel Main",
    rule: "CFG-52",
    ...flag("control-plane.poll-channel", "Main"),
    message: [/"Main"/, /not canonical/],
  },
  {
    what: "poll channels with a blank",
    rule: "CFG-52",
    env: { CONTROL_PLANE_POLL_CHANNELS: "main, harpoon" },
    message: [/" harpoon"/],
  },
  {
    what: "poll channels with a comma at the end",
    rule: "CFG-52",
    env: { CONTROL_PLANE_POLL_CHANNELS: "main," },
    message: [/empty channel/],
  },
  {
    what: "a poll channel twice",
    rule: "CFG-52",
    ...flag("control-plane.poll-channel", ["main", "main"]),
    message: [/more than once/],
  },
  {
    what: "a poll channel with a dot",
    rule: "CFG-51",
    ...flag("control-plane.poll-channel", "a.b"),
    message: [/not a channel name/],
  },
  {
    what: "a poll channel of 65 letters",
    rule: "CFG-51",
    ...flag("control-plane.poll-channel", "a".repeat(65)),
    message: [/not a channel name/],
  },
  {
    what: "a poll channel without binding",
    rule: "CFG-53",
    ...flag("control-plane.poll-channel", ["main", "tools"]),
    message: [/"tools"/, /no MCP binding/],
    code: "missing_binding",
  },
  {
    what: "harpoon alone without targets",
    rule: "CFG-53",
    ...flag("control-plane.poll-channel", "harpoon"),
    message: [/harpoon/, /no Harpoon target/],
  },
  // API key
  {
    what: "a literal key as flag",
    rule: "CFG-48",
    ...flag("control-plane.api-key", "sk-abcdefghijkl"),
    message: [/env:/, /file:/],
  },
  {
    what: "a key with prefix in capitals as flag",
    rule: "section 3.3",
    ...flag("control-plane.api-key", "ENV:CONTROL_PLANE_API_KEY"),
    message: [/env:/],
  },
  {
    what: "a key from an unset variable",
    rule: "CFG-48",
    ...flag("control-plane.api-key", "env:NOPE"),
    message: [/NOPE is not set/, /--control-plane\.api-key/],
  },
  {
    what: "a key from an empty variable",
    rule: "CFG-48",
    flags: { "control-plane.api-key": "env:E" },
    env: { E: "" },
    message: [/E is empty/],
  },
  {
    what: "a key from a variable without name",
    rule: "CFG-48",
    ...flag("control-plane.api-key", "env:"),
    message: [/missing variable name after env:/],
  },
  {
    what: "a key from a file without path",
    rule: "CFG-48",
    ...flag("control-plane.api-key", "file:"),
    message: [/missing path after file:/],
  },
  {
    what: "a key from a missing file",
    rule: "CFG-48",
    ...flag("control-plane.api-key", "file:/nope"),
    message: [/read control-plane api key file "\/nope": no such file/],
  },
  {
    what: "a key from an empty file",
    rule: "CFG-48",
    flags: { "control-plane.api-key": "file:/e" },
    files: { "/e": " \n" },
    message: [/is empty/],
  },
  ...["a b", "key\n", " key", "kéy", "a.b", "env:OTHER"].map((key) => ({
    what: `the key ${JSON.stringify(key)}`,
    rule: "CFG-48",
    env: { CONTROL_PLANE_API_KEY: key },
    message: [/malformed/, /CONTROL_PLANE_API_KEY/],
    key: "CONTROL_PLANE_API_KEY",
  })),
  {
    what: "a variable with a blank around the key",
    rule: "section 3.3",
    flags: { "control-plane.api-key": "env:K" },
    env: { K: " key" },
    message: [/malformed/],
  },
];

for (const { what, rule, message, key, code, ...sources } of WRONG) {
  Deno.test(`${what} is refused [${rule}]`, () => {
    const problems = problemsOf(sources);
    assert.equal(problems.length, 1, problems.map((problem) => problem.message).join("\n"));
    const problem = problems[0]!;
    for (const pattern of message) assert.match(`${problem.message}; ${problem.suggestion}`, pattern);
    if (key !== undefined) assert.equal(problem.key, key);
    if (code !== undefined) assert.equal(problem.code, code);
  });
}

const PATHS: ReadonlyArray<[text: string, path: string]> = [
  ["", ""],
  ["/", ""],
  [" / ", ""],
  [" /workspace/dev/us/ ", "/workspace/dev/us"],
  ["/a b", "/a%20b"],
  ["/a%20b", "/a%20b"],
  ["/a%2fb", "/a%2Fb"],
  ["/ä", "/%C3%A4"],
];
for (const [text, path] of PATHS) {
  Deno.test(`url path ${JSON.stringify(text)} becomes ${JSON.stringify(path)} [CFG-45]`, () => {
    assert.equal(load({ flags: { "control-plane.url-path": text } }).controlPlane.urlPath, path);
  });
}

Deno.test("the base URL is kept as it is spelled [CFG-17, CFG-42]", () => {
  const url = "HTTPS://User:pw@Gateway.Example.com:443/x/?q#f";
  assert.equal(load({ env: { CONTROL_PLANE_BASE_URL: url } }).controlPlane.baseUrl, url);
});

Deno.test("blanks around the tunnel ID do not reach the wire [CFG-46]", () => {
  assert.equal(
    load({ env: { CONTROL_PLANE_TUNNEL_ID: ` ${TUNNEL_ID}\n` } }).controlPlane.tunnelId,
    TUNNEL_ID,
  );
});

Deno.test("poll timeout and guardrail may be ten minutes together [CFG-50]", () => {
  const { controlPlane } = load({ flags: { "control-plane.poll-timeout": "595s" } });
  assert.equal(controlPlane.pollTimeoutMs + controlPlane.pollDeadlineGuardrailMs, 600_000);
});

Deno.test("flags know more spellings of a number than variables, both are trimmed [CFG-14 ff.]", () => {
  for (
    const [text, value] of [
      ["0x1F", 31],
      ["0b11", 3],
      ["0o17", 15],
      ["017", 15],
      ["1_000", 1000],
      ["+5", 5],
      [" 5 ", 5],
    ] as const
  ) {
    assert.equal(load({ flags: { "control-plane.max-inflight": text } }).controlPlane.maxInflight, value);
  }
  assert.equal(load({ env: { CONTROL_PLANE_MAX_INFLIGHT_REQUESTS: " 017 " } }).controlPlane.maxInflight, 17);
  assert.equal(load({ env: { CONTROL_PLANE_POLL_TIMEOUT: " 7s\n" } }).controlPlane.pollTimeoutMs, 7_000);
});

Deno.test("poll channels are sorted, and main may be left out [CFG-52, CFG-53]", () => {
  const { controlPlane, mcp } = loadBare({
    flags: {
      "control-plane.poll-channel": ["tools", "analytics"],
      "mcp.command": ["channel=tools,command=a", "channel=analytics,command=b"],
    },
    env: { ...MINIMAL, MCP_SERVER_URL: "" },
  });
  assert.deepEqual(controlPlane.pollChannels, ["analytics", "tools"]);
  assert.deepEqual(mcp.bindings.map(({ channel }) => channel), ["tools", "analytics"]);
});

Deno.test("harpoon may be polled without targets when main is polled too [CFG-53]", () => {
  const { controlPlane } = load({ env: { CONTROL_PLANE_POLL_CHANNELS: "main,harpoon" } });
  assert.deepEqual(controlPlane.pollChannels, ["harpoon", "main"]);
});

const KEYS: ReadonlyArray<[what: string, sources: TestSources, key: string]> = [
  ["the flag's reference", {
    flags: { "control-plane.api-key": "env:K" },
    env: { K: "flag-key", OPENAI_API_KEY: "o" },
  }, "flag-key"],
  [
    "a file, trimmed",
    { flags: { "control-plane.api-key": "file:/k" }, files: { "/k": "\n file-key \n" } },
    "file-key",
  ],
  [
    "CONTROL_PLANE_API_KEY when the flag is empty",
    { flags: { "control-plane.api-key": "" } },
    MINIMAL.CONTROL_PLANE_API_KEY!,
  ],
  [
    "CONTROL_PLANE_API_KEY before OPENAI_API_KEY",
    { env: { OPENAI_API_KEY: "o" } },
    MINIMAL.CONTROL_PLANE_API_KEY!,
  ],
];
for (const [what, sources, key] of KEYS) {
  Deno.test(`the API key comes from ${what} [CFG-10]`, () => {
    assert.equal(load(sources).controlPlane.apiKey, key);
  });
}

Deno.test("the API key comes from OPENAI_API_KEY when nothing else gives one [CFG-10]", () => {
  const { CONTROL_PLANE_API_KEY: _, ...env } = MINIMAL;
  assert.equal(loadBare({ env: { ...env, OPENAI_API_KEY: "fallback" } }).controlPlane.apiKey, "fallback");
  const [problem] = problemsOfBare({ env });
  for (const name of ["--control-plane.api-key", "CONTROL_PLANE_API_KEY", "OPENAI_API_KEY"]) {
    assert.ok(problem!.message.includes(name), name);
  }
  assert.match(problem!.message, /control plane API key is required/);
  assert.equal(problem!.source, "none");
});
