import assert from "node:assert/strict";
import { join } from "node:path";
import { writeFileAtomically } from "../../../src/ops/mod.ts";
import { resolveSetup } from "../../../src/relay/relay_setup.ts";
import { TunnelStoreError } from "../../../src/relay/tunnel_store.ts";
import { TunnelsFileStore } from "../../../src/relay/tunnels_file_store.ts";
import { MANAGEMENT, withManagement } from "../../support/relay_management.ts";
import { TUNNEL } from "../../support/relay_harness.ts";

const SOURCES = {
  env: (name: string) => `key-of-${name}`,
  readTextFile: (path: string) => Deno.readTextFileSync(path),
};

function record(id: string, name = "n") {
  return { id, name, description: "d", organizationIds: ["org"], workspaceIds: [], tenantIds: [] };
}

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function modeOf(path: string): Promise<number> {
  return (await Deno.stat(path)).mode! & 0o7777;
}

Deno.test("what is created, changed and deleted is what the next relay starts with", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "tunnels.json");
    const store = new TunnelsFileStore(path, writeFileAtomically);
    let ids: string[] = [];
    await withManagement({ tunnels: [], management: { ...MANAGEMENT, store } }, async (admin) => {
      const created = await Promise.all(["a", "b", "c"].map((name) => admin.create(name)));
      ids = created.map(({ id }) => id);
      await admin.ask("POST", `/${ids[0]}`, { description: "changed", organization_ids: ["org"] });
      await admin.ask("DELETE", `/${ids[1]}`);
    });
    assert.equal(await modeOf(path), 0o600, "a file that holds who may do what is nobody else's to read");
    const setup = {
      tunnelIds: [],
      apiKey: "env:AGENT",
      apiKeyFile: "",
      connectorKey: "",
      tunnelsFile: path,
      adminKeys: ["env:ADMIN"],
    };
    const { tunnels, management } = await resolveSetup(setup, SOURCES);
    assert.deepEqual(
      tunnels.map(({ id, name, description, organizationIds = [], apiKeys }) => [
        id,
        name,
        description,
        organizationIds,
        apiKeys,
      ]).sort(),
      [
        [ids[0], "a", "changed", ["org"], ["key-of-AGENT"]],
        [ids[2], "c", "", [], ["key-of-AGENT"]],
      ].sort(),
    );
    assert.deepEqual(management, {
      adminKeys: ["key-of-ADMIN"],
      apiKeys: ["key-of-AGENT"],
      connectorKeys: [],
    });
  });
});

Deno.test("a change keeps references to keys, unknown tunnels, mode and symbolic link of the file", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "real.json");
    const link = join(folder, "link.json");
    const one = {
      id: "tunnel_1",
      api_key: ["env:A", "file:/b"],
      connector_key: "env:C",
      workspace_ids: ["ws"],
    };
    const two = { id: "tunnel_2", description: "by hand" };
    await Deno.writeTextFile(path, JSON.stringify({ tunnels: [one, two] }), { mode: 0o640 });
    await Deno.chmod(path, 0o640);
    await Deno.symlink(path, link);
    const store = new TunnelsFileStore(link, writeFileAtomically);
    await store.change(record("tunnel_1", "new name"));
    await store.change(record("tunnel_of_the_command_line"));
    const { workspace_ids: _cleared, ...kept } = one;
    const changed = { ...kept, name: "new name", description: "d", organization_ids: ["org"] };
    assert.deepEqual(JSON.parse(await Deno.readTextFile(path)), { tunnels: [changed, two] });
    assert.equal(await modeOf(path), 0o640);
    assert.ok((await Deno.lstat(link)).isSymlink);
    await store.remove("tunnel_1");
    await store.remove("tunnel_1");
    assert.deepEqual(JSON.parse(await Deno.readTextFile(link)), { tunnels: [two] });
    assert.deepEqual((await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort(), [
      "link.json",
      "real.json",
    ]);
  });
});

Deno.test("a file that is no longer a tunnels file is left alone", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "tunnels.json");
    const store = new TunnelsFileStore(path, writeFileAtomically);
    for (const text of ["{", "[]", '{"tunnels":{}}', '{"tunnels":[1]}']) {
      await Deno.writeTextFile(path, text);
      await assert.rejects(store.add(record("tunnel_1")), TunnelStoreError);
      assert.equal(await Deno.readTextFile(path), text);
    }
    await Deno.writeTextFile(path, '{"tunnels":[{"id":"tunnel_1"}]}');
    await assert.rejects(store.add(record("tunnel_1")), /is in it already/);
    const nowhere = new TunnelsFileStore(join(folder, "none", "x.json"), writeFileAtomically);
    await assert.rejects(nowhere.add(record("tunnel_1")), (error: Error) => {
      assert.ok(error instanceof TunnelStoreError);
      assert.match(error.message, /cannot be changed: no such file$/);
      return true;
    });
  });
});

Deno.test("a change that cannot be stored does not happen, and the next one is tried again", async () => {
  let broken = true;
  const asked: string[] = [];
  const keep = (what: string) => {
    asked.push(what);
    return broken ? Promise.reject(new TunnelStoreError("disk full at /secret/place")) : Promise.resolve();
  };
  const store = { add: () => keep("add"), change: () => keep("change"), remove: () => keep("remove") };
  await withManagement({ management: { ...MANAGEMENT, store } }, async (admin, harness) => {
    for (const [method, path] of [["POST", ""], ["POST", `/${TUNNEL}`], ["DELETE", `/${TUNNEL}`]] as const) {
      const reply = await admin.ask(method, path, method === "POST" ? { name: "other" } : undefined);
      assert.deepEqual([reply.status, reply.code], [500, "tunnel_store_failed"]);
      assert.doesNotMatch(JSON.stringify(reply.json), /secret/);
    }
    assert.deepEqual(asked, ["add", "change", "remove"]);
    assert.equal((await admin.ask("GET")).json.tunnels.length, 2);
    assert.equal((await admin.ask("GET", `/${TUNNEL}`)).tunnel.name, "first");
    const said = harness.records.filter(({ event }) => event === "tunnels could not be stored");
    assert.deepEqual(said.map(({ fields }) => fields["error"]), Array(3).fill("disk full at /secret/place"));
    broken = false;
    assert.equal((await admin.ask("DELETE", `/${TUNNEL}`)).status, 200);
  });
});

Deno.test("resolveSetup() keeps admin keys apart from all others, and needs no tunnel with one [CFG-151]", async () => {
  const setup = {
    tunnelIds: [],
    apiKey: "env:AGENT",
    apiKeyFile: "",
    connectorKey: "env:CONNECTOR",
    tunnelsFile: "",
    adminKeys: ["env:ADMIN"],
  };
  const { tunnels, newKey } = await resolveSetup(setup, SOURCES);
  assert.deepEqual([tunnels, newKey], [[], undefined]);
  for (const shared of ["env:AGENT", "env:CONNECTOR"]) {
    await assert.rejects(
      resolveSetup({ ...setup, adminKeys: ["env:ADMIN", shared] }, SOURCES),
      (error: Error) => {
        assert.match(error.message, /--admin-key must be another key/);
        assert.doesNotMatch(error.message, /key-of/);
        return true;
      },
    );
  }
  await assert.rejects(
    resolveSetup({ ...setup, adminKeys: ["literal-key"] }, SOURCES),
    /takes no key itself/,
  );
  await withFolder(async (folder) => {
    const tunnelsFile = join(folder, "t.json");
    assert.deepEqual((await resolveSetup({ ...setup, tunnelsFile }, SOURCES)).tunnels, [], "no file yet");
    await Deno.writeTextFile(tunnelsFile, `{"tunnels":[{"id":"${TUNNEL}","api_key":"env:ADMIN"}]}`);
    await assert.rejects(resolveSetup({ ...setup, tunnelsFile }, SOURCES), /must be another key/);
    await Deno.writeTextFile(tunnelsFile, `{"tunnels":[{"id":"${TUNNEL}","tenant_ids":["",1]}]}`);
    await assert.rejects(
      resolveSetup({ ...setup, tunnelsFile }, SOURCES),
      /tunnels\[0\]\.tenant_ids must be a list/,
    );
  });
});
