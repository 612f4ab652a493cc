/** The compiled binary as somebody meets it who has downloaded it: no Deno, no cache, no checkout. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { buildTestBinary } from "../../scripts/compile/test_binary.ts";
import { Folder } from "../support/e2e_folder.ts";
import { CHECKOUT, Program } from "../support/e2e_program.ts";
import { TestRelay } from "../support/e2e_relay.ts";
import { Place } from "../support/sandbox_profiles.ts";

const BINARY = Deno.env.get("TUNNEL_CLIENT_BINARY") ?? "";
const DIST = BINARY.slice(0, BINARY.lastIndexOf("/"));
/** Nothing that could lead to an installed Deno or its cache. */
const BARE = { PATH: "/usr/bin:/bin", HOME: "/nonexistent", DENO_DIR: "/nonexistent" };

Deno.test("the binary runs the whole tunnel without Deno, cache or checkout", async () => {
  await using folder = new Folder();
  await using program = new Program([BINARY, "demo", "--once"], { env: BARE, cwd: folder.path });
  const { code, stdout, stderr } = await program.ended();
  assert.equal(code, 0, stderr);
  assert.match(stdout, /and got {4}"hello from tunnel-client"/);
});

Deno.test("the binary says the commit that it was built from [C-17]", async () => {
  await using program = new Program([BINARY, "--version"], { env: BARE });
  const { stdout } = await program.ended();
  assert.match(stdout, /^\d+\.\d+\.\d+\+[0-9a-f]{12}\b/);
});

Deno.test("the checksum beside the binary is right", async () => {
  const sum = createHash("sha256").update(await Deno.readFile(BINARY)).digest("hex");
  assert.equal(await Deno.readTextFile(`${DIST}/SHA256SUMS`), `${sum}  tunnel-client\n`);
});

Deno.test("the bill of materials names every package inside once, with the digest of the lock file", async () => {
  const document = JSON.parse(await Deno.readTextFile(`${BINARY}.spdx.json`));
  assert.equal(document.spdxVersion, "SPDX-2.3");
  const lock = await Deno.readTextFile(`${CHECKOUT}deno.lock`);
  const ids = new Set(document.packages.map(({ SPDXID }: { SPDXID: string }) => SPDXID));
  assert.equal(ids.size, document.packages.length);
  const npm = document.packages.filter(({ externalRefs }: { externalRefs?: unknown }) => externalRefs);
  for (const { name, checksums: [{ algorithm, checksumValue }] } of npm) {
    assert.equal(algorithm, "SHA512");
    assert.ok(lock.includes(`sha512-${btoa(String.fromCharCode(...hexBytes(checksumValue)))}`), name);
  }
  const names = npm.map(({ name }: { name: string }) => name);
  for (const name of ["hono", "prom-client", "@modelcontextprotocol/server"]) {
    assert.ok(names.includes(name), name);
  }
  assert.ok(!names.includes("fast-check"), "a package that only tests use");
  for (const { spdxElementId, relatedSpdxElement } of document.relationships) {
    for (const id of [spdxElementId, relatedSpdxElement]) {
      assert.ok(id === "SPDXRef-DOCUMENT" || ids.has(id), id);
    }
  }
});

Deno.test("the licenses of what is inside lie beside the binary", async () => {
  const notices = await Deno.readTextFile(`${DIST}/THIRD_PARTY_NOTICES.txt`);
  assert.match(notices, /^hono@/m);
  assert.match(notices, /Permission is hereby granted/);
});

Deno.test("the same sources give the same bytes", async () => {
  await using folder = new Folder();
  const again = await buildTestBinary(new URL(`file://${CHECKOUT}`), folder.path);
  assert.deepEqual(await Deno.readFile(again), await Deno.readFile(BINARY));
  assert.equal(await Deno.readTextFile(`${again}.spdx.json`), await Deno.readTextFile(`${BINARY}.spdx.json`));
});

Deno.test("nothing in the binary tells where it was built", async () => {
  const text = new TextDecoder("latin1").decode(await Deno.readFile(BINARY));
  // The runtime's own part names hosts and folders of the people who built it.
  const own = text.slice(text.lastIndexOf('"vfs_case_sensitivity"'));
  assert.ok(own.length > 1_000_000 && own.includes("tunnel-client"));
  assert.ok(!own.includes(CHECKOUT), "the checkout");
  assert.ok(!own.includes("/npm/registry"), "the package cache");
});

function hexBytes(text: string): number[] {
  return (text.match(/../g) ?? []).map((pair) => parseInt(pair, 16));
}

for (const kind of ["stdio", "files", "sockets"] as const) {
  Deno.test(`a binary with the rights of one profile works with it: "${kind}" [issue 6 §3]`, async () => {
    await using folder = new Folder();
    await using relay = await TestRelay.start();
    await using place = new Place(kind, folder, relay);
    await place.write();
    const own = await compiledFor(place.path, folder);
    await using program = new Program([own, "run", `--profile-file=${place.path}`], {
      env: { ...place.env, DENO_DIR: "/nonexistent" },
    });
    await place.serves(program);
  });
}

Deno.test("a binary with the rights of one profile goes nowhere else, whatever its command line says [issue 6 §3]", async () => {
  await using folder = new Folder();
  await using relay = await TestRelay.start();
  await using place = new Place("http", folder, relay);
  await place.write();
  const own = await compiledFor(place.path, folder);
  let visits = 0;
  await using other = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
    visits++;
    return new Response();
  });
  for (
    const flag of [
      `--control-plane.base-url=http://127.0.0.1:${other.addr.port}`,
      `--mcp.server-url=http://127.0.0.1:${other.addr.port}/mcp`,
      `--log.file=${folder.file("elsewhere.log")}`,
      "--mcp.command=channel=other,command=/bin/true",
      "--sandbox=off",
    ]
  ) {
    const words = [own, "run", `--profile-file=${place.path}`, flag];
    await using program = new Program(words, { env: { ...place.env, DENO_DIR: "/nonexistent" } });
    if (flag === "--sandbox=off") {
      // Then one thread does everything, and has no more than the binary's rights.
      await place.serves(program);
    } else {
      const { code, stderr } = await program.ended();
      assert.equal(code, 1, `${flag}: ${stderr}`);
    }
  }
  assert.equal(visits, 0);
  assert.ok(!await folder.exists("elsewhere.log"));
});

/** Builds a binary with the rights of one profile, and nothing else different. */
async function compiledFor(profile: string, folder: Folder): Promise<string> {
  return await buildTestBinary(new URL(`file://${CHECKOUT}`), folder.file("bin"), [
    `--profile-file=${profile}`,
  ]);
}
