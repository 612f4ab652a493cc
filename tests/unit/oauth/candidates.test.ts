import assert from "node:assert/strict";
import { metadataCandidates } from "../../../src/oauth/candidates.ts";

const urls = (mcpUrl: string, advertised?: string) =>
  metadataCandidates(mcpUrl, advertised).map(({ url }) => url);
const WELL_KNOWN = "/.well-known/oauth-protected-resource";

Deno.test("metadataCandidates() puts the advertised URL first, then path, then root [OD-20]", () => {
  assert.deepEqual(metadataCandidates("https://h/mcp", "https://foreign/pr"), [
    { url: "https://foreign/pr", source: "www_authenticate" },
    { url: `https://h${WELL_KNOWN}/mcp`, source: "well_known_path" },
    { url: `https://h${WELL_KNOWN}`, source: "well_known_root" },
  ]);
});

Deno.test("metadataCandidates() removes duplicates and keeps the first source [OD-20]", () => {
  assert.deepEqual(metadataCandidates("https://h/mcp", `https://h${WELL_KNOWN}`), [
    { url: `https://h${WELL_KNOWN}`, source: "www_authenticate" },
    { url: `https://h${WELL_KNOWN}/mcp`, source: "well_known_path" },
  ]);
});

const paths: [string, string[]][] = [
  ["", [WELL_KNOWN]],
  ["/", [WELL_KNOWN]],
  ["/public/mcp", [`${WELL_KNOWN}/public/mcp`, WELL_KNOWN]],
  ["/public/mcp/", [`${WELL_KNOWN}/public/mcp`, WELL_KNOWN]],
  ["//public//./x/../mcp", [`${WELL_KNOWN}/public/mcp`, WELL_KNOWN]],
  ["/a%20b%2Fc", [`${WELL_KNOWN}/a%20b%2Fc`, WELL_KNOWN]],
  [`${WELL_KNOWN}/mcp/`, [`${WELL_KNOWN}/mcp`, WELL_KNOWN]],
  [WELL_KNOWN, [WELL_KNOWN]],
];
for (const [path, expected] of paths) {
  Deno.test(`metadataCandidates() of path "${path}" [OD-21]`, () => {
    assert.deepEqual(urls(`http://h:81${path}`), expected.map((candidate) => `http://h:81${candidate}`));
  });
}

Deno.test("metadataCandidates() drops userinfo, query and fragment, and keeps the spelling of the host [OD-21, G-1]", () => {
  assert.deepEqual(urls("https://u:p@Host:443/mcp?k=secret#f"), [
    `https://Host:443${WELL_KNOWN}/mcp`,
    `https://Host:443${WELL_KNOWN}`,
  ]);
});
