import assert from "node:assert/strict";
import type { RunConfig } from "../../../src/config/mod.ts";
import { TlsFileReader, type TlsFiles } from "../../../src/sandbox/tls_files.ts";
import { STANDARD_PARTS } from "../../support/config_parts.ts";
import { eventually } from "../../support/e2e_wait.ts";
import { makePki, type Pki } from "../../support/net_pki.ts";

interface Named {
  readonly caBundle?: string;
  readonly pair?: { readonly certPath: string; readonly keyPath: string };
}

function config({ caBundle = "", pair }: Named): RunConfig {
  return {
    ...STANDARD_PARTS,
    tls: { caBundle },
    controlPlane: { baseUrl: "https://cp.example", proxy: { kind: "environment" }, clientCertificate: pair },
    mcp: { bindings: [] },
  } as unknown as RunConfig;
}

function clientPair({ folder }: Pki) {
  return { certPath: `${folder}/client.pem`, keyPath: `${folder}/client.key` };
}

Deno.test("TlsFileReader reads nothing where nothing is named, and says whose roots are trusted [TL-7]", async () => {
  const files = await new TlsFileReader(config({}), {}).load();
  assert.deepEqual(files, {
    texts: { caPem: undefined, certificates: {} },
    trust: { system_trust: { enabled: true, source: "system cert pool" } },
    warnings: [],
  });
});

Deno.test("TlsFileReader puts bundle and roots of the environment together, and reports them [TL-1, TL-7]", async () => {
  await using pki = await makePki();
  const named = config({ caBundle: `${pki.folder}/authority.pem`, pair: clientPair(pki) });
  const files = await new TlsFileReader(named, { SSL_CERT_FILE: `${pki.folder}/clients.pem` }).load();
  const { caPem = "", certificates } = files.texts;
  assert.equal(caPem.match(/BEGIN CERTIFICATE/g)?.length, 2);
  assert.deepEqual(Object.keys(certificates), [`${pki.folder}/client.pem`]);
  assert.match(certificates[`${pki.folder}/client.pem`]!.keyPem, /PRIVATE KEY/);
  assert.deepEqual(files.trust.system_trust.source_paths, [`${pki.folder}/clients.pem`]);
  assert.equal(files.trust.extra_bundle?.cert_count, 1);
  assert.deepEqual(files.warnings, []);
});

Deno.test("TlsFileReader warns of a certificate whose time is over [TL-4]", async () => {
  await using pki = await makePki();
  const pair = { certPath: `${pki.folder}/late-client.pem`, keyPath: `${pki.folder}/late-client.key` };
  const { warnings } = await new TlsFileReader(config({ pair }), {}).load();
  assert.match(warnings.join(), /control-plane client certificate .*late-client\.pem.*expired/);
});

for (
  const [what, name, pattern] of [
    ["a bundle that is not there", "caBundle", /invalid ca-bundle: there is no file \/nowhere\.pem/],
    [
      "a key that is not there",
      "pair",
      /invalid control-plane client certificate: there is no file \/nowhere\.pem/,
    ],
  ] as const
) {
  Deno.test(`TlsFileReader names the file and the setting of ${what} [CFG-55, CFG-56]`, async () => {
    const named = name === "caBundle"
      ? { caBundle: "/nowhere.pem" }
      : { pair: { certPath: "/nowhere.pem", keyPath: "/nowhere.key" } };
    await assert.rejects(new TlsFileReader(config(named), {}).load(), {
      name: "TlsMaterialError",
      message: pattern,
    });
  });
}

/** At once, as those do who renew certificates. */
async function replaceFile(path: string, text: string): Promise<void> {
  await Deno.writeTextFile(`${path}.new`, text);
  await Deno.rename(`${path}.new`, path);
}

Deno.test("TlsFileReader tells of changed files, once, and keeps what was in use while they are broken [TL-4]", async () => {
  await using pki = await makePki();
  const pair = clientPair(pki);
  const reader = new TlsFileReader(config({ pair, caBundle: `${pki.folder}/authority.pem` }), {});
  const first = await reader.load();
  const changes: TlsFiles[] = [];
  const failures: string[] = [];
  const ended = new AbortController();
  const watching = reader.watch(
    first,
    {
      changed: (files) => changes.push(files),
      failed: ({ message }) => failures.push(message),
    },
    ended.signal,
    10,
  );
  await replaceFile(pair.certPath, pki.foreign.cert);
  await eventually("the pair that does not match", () => failures.length > 0);
  assert.match(failures[0]!, /private key does not match: .*client\.key is not the key of .*client\.pem/);
  assert.equal(changes.length, 0);
  await replaceFile(pair.keyPath, pki.foreign.key);
  await eventually("the new pair", () => changes.length > 0);
  assert.match(changes[0]!.texts.certificates[pair.certPath]!.certPem, /BEGIN CERTIFICATE/);
  assert.notDeepEqual(changes[0]!.texts, first.texts);
  // Touched, with the same in it.
  await replaceFile(pair.keyPath, pki.foreign.key);
  await replaceFile(`${pki.folder}/authority.pem`, pki.clientAuthority);
  await eventually("the new roots", () => changes.length > 1);
  assert.equal(changes.length, 2);
  assert.equal(failures.length, 1, failures.join("\n"));
  assert.notEqual(changes[1]!.texts.caPem, first.texts.caPem);
  ended.abort();
  await watching;
});
