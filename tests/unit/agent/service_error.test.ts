import assert from "node:assert/strict";
import fc from "fast-check";
import { describeServiceError, mitigationFor, parseServiceError } from "../../../src/agent/service_error.ts";

const NOTHING = { code: "", type: "", message: "", body: "" };

/** P-137: an error body, and what is known of it. */
const TABLE: [text: string, detail: Partial<typeof NOTHING>][] = [
  ["", {}],
  [" \r\n\t ", {}],
  ["plain text", { body: "plain text" }],
  ["  <html>x</html>\n", { body: "<html>x</html>" }],
  ["[1,2]", { body: "[1,2]" }],
  ["null", { body: "null" }],
  ["12", { body: "12" }],
  ['"text"', { body: '"text"' }],
  ['{"error":', { body: '{"error":' }],
  ['{"error":{"code":"c","type":"t","message":"m","param":null,"more":1}}', {
    code: "c",
    type: "t",
    message: "m",
  }],
  ['{"error":{"code":null,"type":"t","message":"m"}}', { type: "t", message: "m" }],
  ['{"error":{"message":""},"message":"outer","detail":"d"}', {}],
  ['{"error":{}}', {}],
  ['{"error":"denied"}', { body: '{"error":"denied"}' }],
  ['{"error":null,"message":"m"}', { message: "m" }],
  ['{"code":"c","type":"t","message":"m"}', { code: "c", type: "t", message: "m" }],
  ['{"code":"c","message":"m","detail":"d"}', { code: "c", message: "m" }],
  ['{"code":"c","message":"","detail":"d"}', { code: "c", message: "d" }],
  ['{"detail":"d"}', { message: "d" }],
  ['{"detail":[{"loc":["query","limit"],"msg":"too big"}]}', {
    message: '[{"loc":["query","limit"],"msg":"too big"}]',
  }],
  ['{"detail": {"a" : 1}}', { message: '{"a":1}' }],
  ['{"detail":null}', {}],
  ["{}", {}],
  ['{"other":1}', {}],
];

for (const [text, detail] of TABLE) {
  Deno.test(`parseServiceError() reads ${JSON.stringify(text)} [P-137]`, () => {
    assert.deepEqual(parseServiceError(text), { ...NOTHING, ...detail });
  });
}

Deno.test("parseServiceError() cuts a raw body to 1024 bytes and three dots [P-137]", () => {
  assert.equal(parseServiceError("x".repeat(1_024)).body, "x".repeat(1_024));
  const { body } = parseServiceError("x".repeat(1_025));
  assert.equal(body, `${"x".repeat(1_024)}...`);
  assert.equal(body.length, 1_027);
});

Deno.test("parseServiceError() cuts between characters, never within one [P-137]", () => {
  const { body } = parseServiceError("€😀".repeat(1_000));
  assert(body.isWellFormed());
  const bytes = new TextEncoder().encode(body).length;
  assert(bytes <= 1_027 && bytes > 1_020, `${bytes}`);
});

Deno.test("parseServiceError() bounds every text it keeps", () => {
  const long = "x".repeat(5_000);
  const detail = parseServiceError(JSON.stringify({ error: { code: long, type: long, message: long } }));
  for (const text of [detail.code, detail.type, detail.message]) assert.equal(text.length, 1_027);
});

Deno.test("describeServiceError() joins code, message or body, and hint [P-138]", () => {
  const hint = mitigationFor("tunnel_use_forbidden")!;
  const cases: [Partial<typeof NOTHING>, string][] = [
    [{}, ""],
    [{ code: "certificate_required", message: "missing cert" }, "certificate_required: missing cert"],
    [{ message: "m" }, "m"],
    [{ code: "c" }, "c"],
    [{ body: "raw" }, "raw"],
    [{ code: "tunnel_use_forbidden", message: "no" }, `tunnel_use_forbidden: no mitigation: ${hint}`],
    [{ code: "tunnel_use_forbidden" }, `tunnel_use_forbidden mitigation: ${hint}`],
  ];
  for (const [detail, expected] of cases) {
    assert.equal(describeServiceError({ ...NOTHING, ...detail }), expected);
  }
});

/** P-139: a word of each hint that an operator needs to read in it. */
const HINTS: Record<string, RegExp> = {
  invalid_tunnel_id_format: /--control-plane\.tunnel-id.+CONTROL_PLANE_TUNNEL_ID.+control_plane\.tunnel_id/,
  invalid_channel_format: /lowercase.+digits.+- and _/,
  rate_limit_exceeded: /less/,
  request_body_too_large: /smaller/,
  invalid_json_payload: /JSON object/,
  missing_mcp_session_id: /Mcp-Session-Id/,
  rfc9728_www_authenticate_unsupported: /well-known/,
  tunnel_missing_principals: /organization or workspace/,
  tunnel_management_permission_required: /Read and Manage/,
  tunnel_use_forbidden: /owning organization/,
  tunnel_active_organization_required:
    /--control-plane\.organization-id.+CONTROL_PLANE_ORGANIZATION_ID.+control_plane\.organization_id/,
  tunnel_active_organization_context_required: /choose an organization/,
  tunnel_principal_validation_override_management_permission_required: /overrides/,
  tunnel_principal_validation_override_automatically_derivable: /no override/,
  tunnel_principal_association_unverified: /reviewed override/,
  tunnel_principal_limit_exceeded: /tenant_ids, workspace_ids or organization_ids/,
  tunnel_request_mismatch: /tunnel id/,
  pending_request_not_found: /harmless/,
  tunnel_queue_full: /concurrency/,
  tunnel_client_not_seen: /start the client/,
  tunnel_client_not_connected: /\/readyz/,
  oauth_shim_invalid_target_uri: /harpoon:\/\/<label>.+harpoon\.targets\[\]\.label/,
  oauth_shim_unshimmable_endpoint: /endpoints/,
  oauth_shim_target_not_found: /harpoon\.targets\[\]\.label/,
  oauth_shim_harpoon_call_failed: /log/,
  oauth_shim_upstream_timeout: /time limit/,
};

for (const [code, pattern] of Object.entries(HINTS)) {
  Deno.test(`mitigationFor() knows what to do about ${code} [P-139]`, () => {
    assert.match(mitigationFor(code) ?? "", pattern);
  });
}

Deno.test("mitigationFor() has no hint for any other code, whatever it is called [P-139]", () => {
  const codes = [
    "certificate_required",
    "tunnel_transport_unavailable",
    "oauth_shim_audience_unavailable",
    "",
    "constructor",
    "__proto__",
    "toString",
  ];
  for (const code of codes) {
    assert.equal(mitigationFor(code), undefined, code);
    assert.equal(describeServiceError({ ...NOTHING, code, message: "m" }), code === "" ? "m" : `${code}: m`);
  }
});

Deno.test("property: parseServiceError() takes any body", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.jsonValue().map((value) => JSON.stringify({ error: value })),
      ),
      (text) => {
        const detail = parseServiceError(text);
        for (const one of Object.values(detail)) assert.equal(typeof one, "string");
        assert.equal(typeof describeServiceError(detail), "string");
      },
    ),
  );
});
