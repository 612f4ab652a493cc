import assert from "node:assert/strict";
import { checkProfile } from "../../../src/profiles/mod.ts";

async function messages(text: string): Promise<readonly string[]> {
  return (await checkProfile(text, "/p/x.yaml")).problems.map(({ message }) => message);
}

Deno.test("checkProfile() tells every mistake with its place, keys and values alike, in the order of the file", async () => {
  const text = `control_plane:
  tunnel_id: tunnel_short
  apikey: x
  poll_timeout: 3x
log: { level: loud }
mcp:
  server_urls:
    - url: nohost
`;
  const found = await messages(text);
  assert.deepEqual(found.map((message) => message.split(": ")[0]), [
    "/p/x.yaml:2:14",
    "/p/x.yaml:3:3",
    "/p/x.yaml:4:17",
    "/p/x.yaml:5:15",
    "/p/x.yaml:8:12",
  ]);
  for (const message of found) assert.equal(message.split("/p/x.yaml").length, 2, message);
});

Deno.test("checkProfile() follows no reference and takes a profile that lacks things [CFG-41]", async () => {
  assert.deepEqual(await messages("config_version: 1\n"), []);
  assert.deepEqual(
    await messages(`ca_bundle: env:A1
http_proxy: env:A2
control_plane:
  base_url: env:A3
  url_path: file:/nope/a
  api_key: file:/nope/b
  client_cert: env:A4
  client_key: file:/nope/c
  extra_headers: { X-A: env:A6, X-B: file:/nope/d }
health: { listen_addr: env:A7 }
cloudflared: { token: env:A9 }
mcp:
  server_urls:
    - { channel: main, url: env:B1, unix_socket: env:B2 }
    - { channel: x, url: "https://h/x", client_cert: env:B3, client_key: env:B4, http_proxy: env:B5 }
  commands:
    - { channel: y, command: file:/nope/e, env: { T: env:B6 } }
harpoon:
  targets:
    - { label: l, url: env:C1, unix_socket: env:C2 }
`),
    [],
  );
});

Deno.test("checkProfile() tells what is not YAML once, and secrets beside", async () => {
  assert.equal((await messages("a: [")).length, 1);
  const { problems, secrets } = await checkProfile("control_plane: { api_key: literal-1 }\n", "p");
  assert.deepEqual([problems, secrets.map(({ key }) => key)], [[], ["control_plane.api_key"]]);
});
