import assert from "node:assert/strict";
import { hostPattern, InvalidValueError } from "../../../src/config/mod.ts";
import { load, loadAll, problemsOf, type TestSources } from "../../support/config_sources.ts";

const TARGETS: ReadonlyArray<[entry: string, target: Record<string, string>]> = [
  ["label=a,url=https://h/x", { label: "a", description: "", url: "https://h/x" }],
  [" LABEL = a , Url= 'https://h' ", { label: "a", description: "", url: "https://h" }],
  ["url=https://h,label=a,label=b", { label: "b", description: "", url: "https://h" }],
  ['label=a,url=https://h?x=y,desc="One, two, x=3"', {
    label: "a",
    description: "One, two, x=3",
    url: "https://h?x=y",
  }],
  ["desc=a,b,label=c,url=https://h", { label: "c", description: "a,b", url: "https://h" }],
  ["label=a,url=https://h,unix-socket=/s", {
    label: "a",
    description: "",
    url: "https://h",
    unixSocket: "/s",
  }],
];
for (const [entry, target] of TARGETS) {
  Deno.test(`--harpoon.target ${entry} is read [CFG-83]`, () => {
    assert.deepEqual(load({ flags: { "harpoon.target": entry } }).harpoon.targets, [{
      kind: "url",
      ...target,
    }]);
  });
}

Deno.test("an unknown key of a target is ignored as ever, and told [CFG-83]", () => {
  const { config, warnings } = loadAll({
    flags: { "harpoon.target": "label=a,tags=x,url=https://h" },
    env: {
      ...{ CONTROL_PLANE_TUNNEL_ID: `tunnel_${"a".repeat(32)}`, CONTROL_PLANE_API_KEY: "k" },
      MCP_COMMAND: "x",
    },
  });
  assert.equal(config.harpoon.targets.length, 1);
  assert.match(warnings[0]!.message, /unknown key "tags" in --harpoon\.target is ignored/);
});

Deno.test("empty occurrences among several are skipped, one alone clears the other sources [CFG-7, CFG-8]", () => {
  const target = "label=a,url=https://h";
  assert.equal(load({ flags: { "harpoon.target": [target, ""] } }).harpoon.targets.length, 1);
  assert.deepEqual(
    load({
      flags: {
        "harpoon.hosts-include-suffix": ["", "x"],
        "harpoon.additional-transport": ["", "http-streamable"],
      },
    })
      .harpoon.hostsIncludeSuffix,
    ["x"],
  );
  assert.deepEqual(
    load({ flags: { "harpoon.target": "" }, env: { HARPOON_TARGETS: target } }).harpoon.targets,
    [],
  );
});

const WRONG: ReadonlyArray<[what: string, rule: string, sources: TestSources, message: RegExp]> = [
  ["no label", "CFG-83", flag("url=https://h"), /missing label in the entry/],
  ["no URL", "CFG-83", flag("label=a"), /missing url for target "a"/],
  ["a part without =", "CFG-83", flag("label=a,x,url=https://h"), /a part without key=/],
  ["a label in capitals", "CFG-83", flag("label=A,url=https://h"), /target "A": label must match/],
  ["plaintext", "CFG-83", flag("label=a,url=http://u:hunter2@h/x"), /"http:\/\/h\/…" must use https/],
  ["a URL without host", "CFG-83", flag("label=a,url=https://"), /needs both a scheme and a host/],
  [
    "the same label twice",
    "CFG-85",
    flag("label=a,url=https://h", "label=a,url=https://i"),
    /duplicate label "a" in entry 2/,
  ],
  [
    "one URL with two sockets",
    "CFG-85",
    flag("label=a,url=https://H:443/,unix-socket=/s", "label=b,url=https://h"),
    /targets "a" and "b" have the same URL and different Unix sockets/,
  ],
  ["a relative socket", "CFG-85", flag("label=a,url=https://h,unix-socket=s"), /must be an absolute path/],
  [
    "a socket that climbs",
    "CFG-85",
    flag("label=a,url=https://h,unix-socket=/a/../s"),
    /must be an absolute path/,
  ],
  [
    "another transport",
    "CFG-86",
    { flags: { "harpoon.additional-transport": "stdio" } },
    /unsupported harpoon\.additional-transport "stdio"/,
  ],
  [
    "a pattern that is none",
    "CFG-88",
    { flags: { "harpoon.hosts-include-regex": "a(" } },
    /invalid harpoon\.hosts-include-regex "a\("/,
  ],
  [
    "too large a response",
    "section 11.1",
    { env: { HARPOON_MAX_RESPONSE_BYTES: "102401" } },
    /less than or equal to 102400/,
  ],
  ["no response", "section 11.1", { env: { HARPOON_MAX_RESPONSE_BYTES: "0" } }, /must be greater than zero/],
  [
    "too many redirects",
    "section 11.1",
    { flags: { "harpoon.max-redirects": "6" } },
    /less than or equal to 5/,
  ],
  [
    "negative redirects",
    "section 11.1",
    { flags: { "harpoon.max-redirects": "-1" } },
    /must not be negative/,
  ],
];
function flag(...entries: string[]): TestSources {
  return { flags: { "harpoon.target": entries } };
}
for (const [what, rule, sources, message] of WRONG) {
  Deno.test(`Harpoon with ${what} is refused [${rule}]`, () => {
    const problems = problemsOf(sources);
    assert.equal(problems.length, 1, JSON.stringify(problems));
    assert.match(problems[0]!.message, message);
    assert.doesNotMatch(problems[0]!.message, /hunter2/);
  });
}

Deno.test("plaintext targets are allowed on demand, harpoon may be polled alone with a target [CFG-53, CFG-83]", () => {
  const flags = { "harpoon.target": "label=a,url=http://h", "harpoon.allow-plaintext-http": "true" };
  assert.equal(load({ flags }).harpoon.targets.length, 1);
  const scoped = { ...flags, "control-plane.poll-channel": "harpoon" };
  assert.deepEqual(load({ flags: scoped, env: { MCP_SERVER_URL: "" } }).controlPlane.pollChannels, [
    "harpoon",
  ]);
});

Deno.test("targets of a file carry references, and replace nothing but themselves [CFG-83, A-119]", () => {
  const yaml = "harpoon: {targets: [{label: a, url: env:U, unix_socket: file:/s, description: d}]}";
  assert.deepEqual(load({ yaml, env: { U: "https://h" } }).harpoon.targets, [
    { kind: "url", label: "a", description: "d", url: "https://h", unixSocket: "/s" },
  ]);
  assert.deepEqual(load({ yaml, env: { HARPOON_TARGETS: "" } }).harpoon.targets, []);
});

const PATTERNS: ReadonlyArray<[pattern: string, matching: string, other: string]> = [
  ["example", "a.EXAMPLE.com", "b.test"],
  ["^api[0-9]+\\.example\\.com$", "api7.example.com", "xapi7.example.com"],
  ["(?P<name>a+)\\z", "baa", "aab"],
  ["\\A[[:alpha:]]+$", "abc", "a1"],
  ["(?i)^A$", "a", "b"],
  ["^\\Qa.b\\E$", "a.b", "axb"],
];
for (const [pattern, matching, other] of PATTERNS) {
  Deno.test(`hostPattern() reads ${pattern} [CFG-88]`, () => {
    assert.ok(hostPattern(pattern).test(matching));
    assert.ok(!hostPattern(pattern).test(other));
  });
}
for (const pattern of ["a(?=b)", "(?<!a)b", "(a)\\1", "(?<n>a)\\k<n>", "[", "*"]) {
  Deno.test(`hostPattern() refuses ${pattern} [CFG-88]`, () => {
    assert.throws(() => hostPattern(pattern), InvalidValueError);
  });
}

/** A template that is right, as members that a case may replace. */
const TEMPLATE: Readonly<Record<string, unknown>> = {
  version: 1,
  origin: "https://tickets.example.com:8443/",
  path_template: "/api/v1/tickets/{ticket}",
  query: { view: "{view}", lang: "en us" },
  parameters: {
    ticket: {
      type: "string",
      required: true,
      pattern: "T-[0-9]+",
      max_length: 16,
      examples: ["T-1"],
      reserved_values: ["t-0"],
    },
    view: { type: "string", required: true, enum: ["full", "short"], max_length: 8 },
  },
  headers: { authorization: "env:TICKETS_AUTH" },
  allowed_headers: ["accept-language"],
  follow_redirects: false,
};

function template(changes: Record<string, unknown> = {}, target: Record<string, unknown> = {}): TestSources {
  const targets = [{ label: "t", description: "d", template: { ...TEMPLATE, ...changes }, ...target }];
  return {
    yaml: JSON.stringify({ config_version: 2, harpoon: { targets } }),
    env: { TICKETS_AUTH: "Bearer hunter2-auth" },
  };
}

function parameter(changes: Record<string, unknown>): TestSources {
  const { ticket, view } = TEMPLATE.parameters as Record<string, Record<string, unknown>>;
  return template({ parameters: { ticket: { ...ticket, ...changes }, view } });
}

Deno.test("a template is read, its references followed [A-118, A-120]", () => {
  const { harpoon } = load(template());
  assert.deepEqual(harpoon.targets, [{
    kind: "template",
    label: "t",
    description: "d",
    template: {
      version: 1,
      origin: "https://tickets.example.com:8443",
      method: "GET",
      pathTemplate: "/api/v1/tickets/{ticket}",
      query: [["view", "{view}"], ["lang", "en us"]],
      parameters: [
        {
          name: "ticket",
          description: "",
          examples: ["T-1"],
          pattern: "T-[0-9]+",
          minLength: 1,
          maxLength: 16,
          reservedValues: ["t-0"],
        },
        {
          name: "view",
          description: "",
          examples: [],
          enum: ["full", "short"],
          minLength: 1,
          maxLength: 8,
          reservedValues: [],
        },
      ],
      headers: [["Authorization", "Bearer hunter2-auth"]],
      allowedHeaders: ["Accept-Language"],
      followRedirects: false,
    },
  }]);
});

const { ticket: TICKET } = TEMPLATE.parameters as Record<string, unknown>;
const WRONG_TEMPLATES: ReadonlyArray<[what: string, rule: string, sources: TestSources, message: RegExp]> = [
  ["version 2", "A-118", template({ version: 2 }), /template version must be 1/],
  ["a method", "A-118", template({ method: "POST" }), /template method must be GET/],
  ["redirects", "A-118", template({ follow_redirects: true }), /follow_redirects must be false/],
  ["a URL beside it", "A-117", template({}, { url: "" }), /url and template cannot be combined/],
  [
    "a socket beside it",
    "A-117",
    template({}, { unix_socket: "" }),
    /unix_socket and template cannot be combined/,
  ],
  [
    "an http origin",
    "A-121",
    template({ origin: "http://hunter2.example" }),
    /template origin must be https/,
  ],
  [
    "an origin with a path",
    "A-121",
    template({ origin: "https://hunter2.example/x" }),
    /template origin must be/,
  ],
  ["an origin with port 0", "A-121", template({ origin: "https://h:0" }), /template origin must be/],
  ["an origin with user info", "A-121", template({ origin: "https://hunter2@h" }), /template origin must be/],
  ["no parameters", "A-121", template({ parameters: {} }), /1 to 16 parameters/],
  ["a parameter that is used nowhere", "A-121", template({ query: {} }), /parameter view is used nowhere/],
  [
    "a parameter that is not there",
    "A-121",
    template({ path_template: "/{ticket}/{other}" }),
    /parameter other, which is not defined/,
  ],
  [
    "half a placeholder",
    "A-121",
    template({ path_template: "/hunter2-{ticket}" }),
    /path_template has an invalid segment/,
  ],
  ["an empty segment", "A-121", template({ path_template: "/a//{ticket}" }), /invalid segment/],
  ["a segment that climbs", "A-121", template({ path_template: "/../{ticket}" }), /invalid segment/],
  ["a relative path", "A-121", template({ path_template: "{ticket}" }), /must start with \//],
  ["a query key", "A-121", template({ query: { "a b": "x", view: "{view}" } }), /query has an invalid key/],
  [
    "a query value with braces",
    "A-121",
    template({ query: { a: "x{view}", view: "{view}" } }),
    /query has an invalid value/,
  ],
  [
    "too long a URL",
    "A-121",
    template({
      query: Object.fromEntries(
        Array.from({ length: 32 }, (_, i) => [`k${i}`, i === 0 ? "{view}" : "v".repeat(200)]),
      ),
    }),
    /longer than 4096 bytes/,
  ],
  ["a parameter name", "A-121", template({ parameters: { "1a": TICKET } }), /"1a": the name must match/],
  ["a type", "A-118", parameter({ type: "number" }), /type must be string/],
  ["an optional parameter", "A-118", parameter({ required: false }), /required must be true/],
  ["no constraint", "A-121", parameter({ pattern: null }), /pattern or enum is required/],
  ["too long a value", "A-121", parameter({ max_length: 257 }), /max_length must be 1 to 256/],
  [
    "lengths the wrong way round",
    "A-121",
    parameter({ min_length: 17 }),
    /min_length must be 1 to max_length/,
  ],
  ["a look-ahead", "A-121", parameter({ pattern: "(?=a)" }), /pattern uses what the dialect does not have/],
  [
    "a named group",
    "A-121",
    parameter({ pattern: "(?<n>a)" }),
    /pattern uses what the dialect does not have/,
  ],
  [
    "an unknown escape",
    "A-121",
    parameter({ pattern: "\\bT" }),
    /pattern uses what the dialect does not have/,
  ],
  [
    "a POSIX class",
    "A-121",
    parameter({ pattern: "[[:alpha:]]" }),
    /pattern uses what the dialect does not have/,
  ],
  ["a broken pattern", "A-121", parameter({ pattern: "a(" }), /pattern is not a regular expression/],
  [
    "an example that does not fit",
    "A-121",
    parameter({ examples: ["hunter2"] }),
    /examples has a value that the other rules forbid/,
  ],
  [
    "a reserved example",
    "A-121",
    parameter({ examples: ["T-0"] }),
    /examples has a value that the other rules forbid/,
  ],
  [
    "reserved values twice",
    "A-121",
    parameter({ reserved_values: ["a", "A"] }),
    /reserved_values must be at most 64, each once/,
  ],
  ["choices twice", "A-121", parameter({ enum: ["T-1", "T-1"] }), /enum must have 1 to 64 values, each once/],
  [
    "a header that is reserved",
    "A-122",
    template({ headers: { "X-Forwarded-For": "hunter2" } }),
    /a fixed header has a name that templates may not set/,
  ],
  [
    "a header name",
    "A-121",
    template({ headers: { "hunter2 name": "x" } }),
    /a fixed header has no valid HTTP header name/,
  ],
  ["a header without value", "A-120", template({ headers: { "X-A": "" } }), /resolved value is empty/],
  [
    "a header from nowhere",
    "A-120",
    template({ headers: { "X-A": "env:NOPE" } }),
    /environment variable NOPE .* is not set/,
  ],
  [
    "a credential for callers",
    "A-123",
    template({ allowed_headers: ["X-Api.Key"] }),
    /callers may not set the header/,
  ],
  [
    "a header both ways",
    "A-123",
    template({ headers: { "X-A": "b" }, allowed_headers: ["x-a"] }),
    /both fixed and allowed/,
  ],
  ["a header allowed twice", "A-123", template({ allowed_headers: ["X-A", "x-a"] }), /allowed twice/],
  [
    "an unknown key",
    "A-118",
    template({ body: 1 }),
    /field body not found in harpoon\.targets\[0\]\.template/,
  ],
];
for (const [what, rule, sources, message] of WRONG_TEMPLATES) {
  Deno.test(`a template with ${what} is refused, and nothing of it is shown [${rule}, A-125]`, () => {
    const problems = problemsOf(sources);
    assert.equal(problems.length, 1, JSON.stringify(problems));
    assert.match(problems[0]!.message, message);
    assert.doesNotMatch(problems[0]!.message, /hunter2|tickets/);
  });
}
