import assert from "node:assert/strict";
import fc from "fast-check";
import { createRedactor } from "../../../src/ops/mod.ts";

const scrub = (text: string) => createRedactor().text(text);

/** Rule, text, what remains. */
const CASES: readonly (readonly [rule: string, text: string, expected: string])[] = [
  ["T1", "authorization:Bearer abc def\nnext: 1", "authorization:Bearer [REDACTED]\nnext: 1"],
  ["RD-0", "Authorization: Basic dXNlcjpwdw==\r\nA: b", "Authorization: Basic [REDACTED]\r\nA: b"],
  ["RD-0", "Proxy-Authorization: opaque value", "Proxy-Authorization: [REDACTED]"],
  ["T2", "X-Tunnel-Shard-Token: st-1 and more", "X-Tunnel-Shard-Token: [REDACTED]"],
  ["T3", "Cookie: a=1; b=2", "Cookie: [REDACTED]"],
  ["T4", "set-cookie: sid=1; HttpOnly", "set-cookie: [REDACTED]"],
  ["RD-0", "X-Api-Key: k1\nB: c", "X-Api-Key: [REDACTED]\nB: c"],
  ["T5", "key sk-proj_ABC-123456 used", "key sk-REDACTED used"],
  ["T5", "task-1234567890abc and sk-short", "task-1234567890abc and sk-short"],
  ["T6", "GET /x?a=1&client_secret=s%2Fx#top", "GET /x?a=1&client_secret=[REDACTED]#top"],
  ["T6", "GET /cb?code=4711&state=9", "GET /cb?code=[REDACTED]&state=9"],
  [
    "RD-0",
    "GET https://h/mcp?token=abc&sig=9&key=k x",
    "GET https://h/mcp?token=[REDACTED]&sig=[REDACTED]&key=[REDACTED] x",
  ],
  ["T7", "api-key = abc&next=1 apikey=2", "api-key = [REDACTED]&next=1 apikey=[REDACTED]"],
  ["T7", 'password="two words" user=u', "password=[REDACTED] user=u"],
  ["T7", "code=SplxlOBeZQQYbYS6WxSbIA", "code=[REDACTED]"],
  ["RD-1", "status_code=500 code=500 exit code=-9", "status_code=500 code=500 exit code=-9"],
  ["RD-0", "authorization=Bearer abc token=t", "authorization=Bearer [REDACTED] token=[REDACTED]"],
  ["T8", '{"password" : "a\\"b", "id_token":tok}', '{"password" : "[REDACTED]", "id_token":"[REDACTED]"}'],
  ["RD-1", '{"error":{"code": -32601}}', '{"error":{"code": -32601}}'],
  ["T8", '{"code":"abc"}', '{"code":"[REDACTED]"}'],
  [
    "RD-0",
    '{"Authorization":["Bearer x]y","b"],"shard_token":"s"}',
    '{"Authorization":"[REDACTED]","shard_token":"[REDACTED]"}',
  ],
  [
    "RD-0",
    '{"body":"{\\"access_token\\":\\"abc\\",\\"n\\":1}"}',
    '{"body":"{\\"access_token\\":\\"[REDACTED]\\",\\"n\\":1}"}',
  ],
  ["T8", '{"secret":"cut off', '{"secret":"[REDACTED]"'],
  ["T9", "dial https://user:p@ss@host:1/x failed", "dial https://[REDACTED]@host:1/x failed"],
  ["T9", "https://user@host/", "https://user@host/"],
  ["RD-0", "got Bearer abc123xyz back", "got Bearer [REDACTED] back"],
  ["RD-0", "Basic dXNlcjpwYXNz", "Basic [REDACTED]"],
  [
    "RD-0",
    "Bearer authentication is required, Basic realm",
    "Bearer authentication is required, Basic realm",
  ],
  ["RD-0", "jwt eyJhbGciOi.eyJzdWIiOi.sig_1-2 end", "jwt [REDACTED] end"],
  ["RD-0", "ghp_0123456789abcdefghij xoxb-1234567890-ab", "[REDACTED] [REDACTED]"],
  ["RD-0", "a -----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- b", "a [REDACTED] b"],
];

for (const [rule, text, expected] of CASES) {
  Deno.test(`redactor.text() turns ${JSON.stringify(text)} into ${JSON.stringify(expected)} [${rule}]`, () => {
    assert.equal(scrub(text), expected);
  });
}

Deno.test("redactor.text() leaves ordinary log texts alone", () => {
  for (
    const text of [
      "answered",
      "tools/call",
      "127.0.0.1:8080",
      "request 3f2a-11 took 12 ms",
      "control plane refuses the API key (401): check control-plane.api-key",
      "http://127.0.0.1:8080/ui",
      "unexpected token in JSON at position 4",
      "control-plane.api-key: no key is configured",
      "process exited with code 1",
    ]
  ) assert.equal(scrub(text), text);
});

Deno.test("redactor.text() finds a credential in any surroundings", () => {
  const forms = fc.constantFrom(
    (secret: string) => `?token=${secret}`,
    (secret: string) => `password=${secret}`,
    (secret: string) => `"client_secret":"${secret}"`,
    (secret: string) => `Authorization: Bearer ${secret}`,
    (secret: string) => `https://user:${secret}@host/`,
    (secret: string) => `sk-${secret}`,
  );
  const around = fc.array(
    fc.oneof(
      fc.constantFrom("Bearer ", "token=", "?code=", '"secret":', "://u:p@", "\n", "&", '"', "[", "\\"),
      fc.string(),
    ),
    { maxLength: 6 },
  ).map((parts) => parts.join(""));
  fc.assert(
    fc.property(
      around,
      forms,
      fc.stringMatching(/^[A-Za-z0-9]{12,30}$/),
      around,
      (before, form, secret, after) => {
        assert.ok(!scrub(`${before} ${form(secret)} ${after}`).includes(secret));
      },
    ),
    { numRuns: 2000 },
  );
});

Deno.test("redactor.text() takes time in proportion to the text, whatever the text", () => {
  const hostile = [
    '"token":["',
    'password="',
    "-----BEGIN PRIVATE KEY-----",
    "a://b:",
    "a.",
    "a.b-c+token",
    "eyJ-aaaaa",
    "eyJ.eyJaaaaaa",
    "Bearer a1",
    "sk-",
    "authorization: \t",
    "token   ",
    '\\"secret\\":\\"',
  ];
  for (const part of hostile) {
    const started = performance.now();
    scrub("token " + part.repeat(200_000 / part.length));
    assert.ok(performance.now() - started < 2000, `200 kB of ${JSON.stringify(part)} took too long`);
  }
});

Deno.test("redactor.addSecret() makes a value vanish in every spelling", () => {
  const redactor = createRedactor();
  redactor.addSecret('p/a+s "w"ord');
  redactor.addSecret("Bearer opaqueCredential");
  redactor.addSecret(`Basic ${btoa("alice:correct horse")}`);
  assert.equal(redactor.text('x p/a+s "w"ord y'), "x [REDACTED] y");
  assert.equal(redactor.text(`x ${encodeURIComponent('p/a+s "w"ord')} y`), "x [REDACTED] y");
  assert.equal(redactor.text(`x ${JSON.stringify('p/a+s "w"ord')} y`), 'x "[REDACTED]" y');
  assert.equal(redactor.text("has opaqueCredential inside"), "has [REDACTED] inside");
  assert.equal(redactor.text("login with correct horse failed"), "login with [REDACTED] failed");
});

Deno.test("redactor.addSecret() replaces short values only where they stand alone, and ignores tiny ones", () => {
  const redactor = createRedactor();
  redactor.addSecret("prod");
  redactor.addSecret("on");
  assert.equal(
    redactor.text("production is prod, not preprod; turned on"),
    "production is [REDACTED], not preprod; turned on",
  );
});

Deno.test("redactor.addSecret() also counts for texts that were seen before", () => {
  const redactor = createRedactor();
  assert.equal(redactor.constantText("uses hunter2hunter2"), "uses hunter2hunter2");
  redactor.addSecret("hunter2hunter2");
  assert.equal(redactor.constantText("uses hunter2hunter2"), "uses [REDACTED]");
});

Deno.test("redactor.addUrlSecrets() learns passwords and query values", () => {
  const redactor = createRedactor();
  redactor.addUrlSecrets("https://alice:p%40ssw0rd!@mcp.test/x?workspace=quarterly-9");
  redactor.addUrlSecrets("no url");
  assert.equal(
    redactor.text("p@ssw0rd! p%40ssw0rd! quarterly-9 alice"),
    "[REDACTED] [REDACTED] [REDACTED] alice",
  );
});

Deno.test("redactor.fields() replaces whole values by key at any depth [RD-2]", () => {
  const redactor = createRedactor();
  assert.deepEqual(
    redactor.fields({
      Authorization: "x",
      "set-cookie": ["a", "b"],
      headers: { "X-Tunnel-Shard-Token": ["s"], "Mcp-Session-Id": "keep", nested: { API_KEY: 7 } },
      status_code: 401,
      left_out: undefined,
    }),
    {
      Authorization: "[REDACTED]",
      "set-cookie": "[REDACTED]",
      headers: {
        "X-Tunnel-Shard-Token": "[REDACTED]",
        "Mcp-Session-Id": "keep",
        nested: { API_KEY: "[REDACTED]" },
      },
      status_code: 401,
    },
  );
});

Deno.test("redactor.value() scrubs strings in lists and maps, errors, URLs and keys, and survives cycles [RD-3]", () => {
  const redactor = createRedactor();
  redactor.addSecret("topsecretvalue");
  const cyclic: Record<string, unknown> = { name: "n" };
  cyclic.self = cyclic;
  const value = {
    list: ["a", "sk-0123456789abc", ["password=x"]],
    error: new TypeError("token=abc"),
    url: new URL("https://u:p@h/"),
    topsecretvalue: true,
    none: null,
    big: 12n,
    cyclic,
  };
  const text = JSON.stringify(redactor.value(value));
  for (const secret of ["sk-0123456789abc", "password=x", "token=abc", "u:p", "topsecretvalue"]) {
    assert.ok(!text.includes(secret), `${secret} in ${text}`);
  }
  assert.ok(text.includes('"TypeError: token=[REDACTED]"') && text.includes('"big":"12"'));
});
