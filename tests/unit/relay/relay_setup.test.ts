import assert from "node:assert/strict";
import { join } from "node:path";
import { agentKeyFromFile } from "../../../src/relay/api_key_file.ts";
import { KeyError, type KeySources, resolveKey } from "../../../src/relay/key_reference.ts";
import { RelaySetupError, resolveSetup } from "../../../src/relay/relay_setup.ts";
import { parseTunnelsFile, TunnelsFileError } from "../../../src/relay/tunnels_file.ts";

const ONE = "tunnel_11111111111111111111111111111111";
const TWO = "tunnel_22222222222222222222222222222222";
const EMPTY = {
  tunnelIds: [],
  apiKey: "",
  apiKeyFile: "",
  connectorKey: "",
  tunnelsFile: "",
  adminKeys: [],
};

/** Sources that hold what the test says. */
function sources(env: Record<string, string> = {}, files: Record<string, string> = {}): KeySources {
  return {
    env: (name) => env[name],
    readTextFile: (path) => {
      const text = files[path];
      if (text === undefined) throw new Deno.errors.NotFound(`No such file (os error 2): ${path}`);
      return text;
    },
  };
}

function message(work: () => unknown, kind: new (message: string) => Error): string {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof kind, String(error));
    return error.message;
  }
  assert.fail("did not throw");
}

Deno.test("resolveKey() follows env: and file:, and takes nothing else for a key", () => {
  const from = sources({ KEY: " abc-DEF_1\n", EMPTY: " " }, { "/k": "from-file\n" });
  assert.equal(resolveKey("agent", "env:KEY", "--api-key", from), "abc-DEF_1");
  assert.equal(resolveKey("agent", "file:/k", "--api-key", from), "from-file");
  for (const literal of ["sk-secret", "ENV:KEY", "env:", "file:", ""]) {
    const said = message(() => resolveKey("agent", literal, "--api-key", from), KeyError);
    assert.equal(said, "--api-key takes no key itself; use env:NAME or file:PATH");
  }
  assert.match(
    message(() => resolveKey("agent", "env:NONE", "--api-key", from), KeyError),
    /NONE is not set/,
  );
  assert.match(
    message(() => resolveKey("agent", "env:EMPTY", "--api-key", from), KeyError),
    /EMPTY is empty/,
  );
  assert.match(
    message(() => resolveKey("agent", "file:/none", "--api-key", from), KeyError),
    /\/none: no such file/,
  );
});

Deno.test("resolveKey() refuses keys that cannot travel in a header, without showing them [P-6]", () => {
  const from = sources({ KEY: "has space", OK: "a.b/c=" });
  for (const kind of ["agent", "connector"] as const) {
    const said = message(() => resolveKey(kind, "env:KEY", "--x", from), KeyError);
    assert.ok(!said.includes("has space"));
  }
  assert.equal(resolveKey("connector", "env:OK", "--x", from), "a.b/c=");
  message(() => resolveKey("agent", "env:OK", "--x", from), KeyError);
});

Deno.test("resolveSetup() makes a tunnel and a key where none are given", async () => {
  const { tunnels, newKey } = await resolveSetup(EMPTY, sources());
  assert.equal(tunnels.length, 1);
  assert.match(tunnels[0]!.id, /^tunnel_[a-z0-9]{32}$/);
  assert.match(newKey!, /^relay_[a-z0-9]{48}$/);
  assert.deepEqual(tunnels[0]!.apiKeys, [newKey]);
  assert.notEqual((await resolveSetup(EMPTY, sources())).newKey, newKey);
});

Deno.test("resolveSetup() joins tunnels of the file and of the command line", async () => {
  const file = JSON.stringify({
    tunnels: [{
      id: ONE,
      name: "one",
      description: "first",
      api_key: ["env:A", "env:B"],
      connector_key: "env:C",
    }],
  });
  const from = sources({ A: "key-a", B: "key-b", C: "key-c", D: "key-d", E: "key-e" }, {
    "/tunnels.json": file,
  });
  const setup = {
    ...EMPTY,
    tunnelIds: [TWO],
    tunnelsFile: "/tunnels.json",
    apiKey: "env:D",
    connectorKey: "env:E",
  };
  const { tunnels, newKey } = await resolveSetup(setup, from);
  assert.equal(newKey, undefined);
  assert.deepEqual(tunnels, [
    { id: ONE, name: "one", description: "first", apiKeys: ["key-a", "key-b"], connectorKeys: ["key-c"] },
    { id: TWO, apiKeys: ["key-d"], connectorKeys: ["key-e"] },
  ]);
});

Deno.test("resolveSetup() refuses contradictions", async () => {
  const file = JSON.stringify({ tunnels: [{ id: ONE, api_key: "env:A" }] });
  const from = sources({ A: "key-a" }, { "/t": file });
  for (
    const [setup, said] of [
      [{ apiKey: "env:A", apiKeyFile: "/k" }, /mutually exclusive/],
      [{ tunnelIds: [ONE, ONE] }, /given twice/],
      [{ tunnelIds: ["tunnel_short"] }, /--tunnel-id must be/],
      [{ tunnelsFile: "/t", apiKey: "env:A" }, /drop --api-key/],
      [{ tunnelsFile: "/t", tunnelIds: [ONE] }, /given twice/],
    ] as const
  ) {
    await assert.rejects(resolveSetup({ ...EMPTY, ...setup }, from), (error: Error) => {
      assert.ok(error instanceof RelaySetupError);
      assert.match(error.message, said);
      return true;
    });
  }
  await assert.rejects(resolveSetup({ ...EMPTY, tunnelsFile: "/none" }, from), TunnelsFileError);
});

Deno.test("parseTunnelsFile() is strict, and its errors name file and member", () => {
  const from = sources({ K: "key" });
  const said = (text: string) => message(() => parseTunnelsFile(text, "f.json", from), TunnelsFileError);
  assert.match(said("{"), /^tunnels file f\.json: is not valid JSON/);
  assert.match(said("[]"), /must hold a JSON object/);
  assert.match(said('{"tunnels":[],"x":1}'), /: x is not known; known are tunnels/);
  assert.match(said('{"tunnels":[]}'), /at least one tunnel/);
  assert.match(said('{"tunnels":{}}'), /at least one tunnel/);
  assert.match(said('{"tunnels":[1]}'), /tunnels\[0\] must be an object/);
  assert.match(said('{"tunnels":[{"id":"x"}]}'), /tunnels\[0\]\.id must be tunnel_/);
  assert.match(said(`{"tunnels":[{"id":"${ONE}","apikey":"env:K"}]}`), /tunnels\[0\]\.apikey is not known/);
  assert.match(said(`{"tunnels":[{"id":"${ONE}","name":1}]}`), /tunnels\[0\]\.name must be a text/);
  assert.match(said(`{"tunnels":[{"id":"${ONE}","api_key":[]}]}`), /tunnels\[0\]\.api_key must be env:NAME/);
  assert.match(said(`{"tunnels":[{"id":"${ONE}"},{"id":"${ONE}"}]}`), /tunnels\[1\]\.id is given twice/);
  const literal = message(
    () => parseTunnelsFile(`{"tunnels":[{"id":"${ONE}","api_key":"sk-very-secret"}]}`, "f.json", from),
    KeyError,
  );
  assert.match(literal, /^tunnels file f\.json: tunnels\[0\]\.api_key takes no key itself/);
  assert.ok(!literal.includes("secret"));
});

Deno.test("agentKeyFromFile() makes the file once, keeps its key, and refuses a file that others may read", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const path = join(directory, "agent.key");
    const made = await agentKeyFromFile(path);
    assert.deepEqual([made.isNew, (await Deno.stat(path)).mode! & 0o777], [true, 0o600]);
    assert.equal(await Deno.readTextFile(path), `${made.key}\n`);
    assert.deepEqual(await agentKeyFromFile(path), { key: made.key, isNew: false });
    await Deno.chmod(path, 0o640);
    await assert.rejects(agentKeyFromFile(path), (error: Error) => {
      assert.ok(error instanceof KeyError);
      assert.match(error.message, /may be read by others \(mode 0640\); run: chmod 600/);
      assert.ok(!error.message.includes(made.key));
      return true;
    });
    await Deno.chmod(path, 0o600);
    await Deno.writeTextFile(path, "\n");
    await assert.rejects(agentKeyFromFile(path), /is empty/);
    await Deno.writeTextFile(path, "not a key");
    await assert.rejects(agentKeyFromFile(path), /may hold only/);
    await assert.rejects(agentKeyFromFile(directory), KeyError);
    await assert.rejects(agentKeyFromFile(join(directory, "none", "x")), KeyError);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
