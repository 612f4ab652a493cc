import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import {
  loadCaBundle,
  loadClientCertificate,
  loadSystemRoots,
  type MaterialWatch,
  TlsMaterialError,
  watchMaterial,
} from "../../../src/net/mod.ts";
import { makeKeyForms, makePki, type Pki } from "../../support/net_pki.ts";

const readFile = (path: string): Promise<Uint8Array> => Deno.readFile(path);

async function withPki(run: (pki: Pki, at: (name: string) => string) => Promise<void>): Promise<void> {
  await using pki = await makePki();
  await makeKeyForms(pki);
  await run(pki, (name) => `${pki.folder}/${name}`);
}

async function messageOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(() => undefined, (error: unknown) => error);
  assert.ok(error instanceof TlsMaterialError, String(error));
  assert.doesNotMatch(error.message, /BEGIN|MII|MHc/, "nothing of the file");
  return error.message;
}

Deno.test("loadCaBundle() takes every certificate of every file, skips the rest, and reports each [CFG-55, TL-7]", async () => {
  await withPki(async (pki, at) => {
    const junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    await Deno.writeTextFile(
      at("mixed.pem"),
      `# comment\n${pki.client.key}${pki.authority}${junk}${pki.expired.cert}`,
    );
    const bundle = await loadCaBundle([at("mixed.pem"), at("clients.pem")], readFile);
    assert.equal(bundle.caPem, pki.authority + pki.expired.cert + pki.clientAuthority);
    const { report } = bundle;
    assert.deepEqual([report.cert_count, report.parse_errors], [3, 1]);
    assert.equal(report.path, `${at("mixed.pem")}, ${at("clients.pem")}`);
    const [authority, broken, expired] = report.certificates;
    const parsed = new X509Certificate(pki.authority);
    assert.deepEqual(authority, {
      cert_id: parsed.fingerprint256.replaceAll(":", "").toLowerCase(),
      name: "authority",
      description: "CN=authority",
      subject_cn: "authority",
      issuer_cn: "authority",
      not_before: new Date(parsed.validFrom).toISOString().replace(".000", ""),
      not_after: new Date(parsed.validTo).toISOString().replace(".000", ""),
      source: at("mixed.pem"),
      parse_status: "ok",
    });
    assert.deepEqual([broken?.cert_id, broken?.parse_status], ["", "certificate cannot be parsed"]);
    assert.deepEqual([expired?.subject_cn, expired?.not_after], ["expired", "2020-01-02T00:00:00Z"]);
    assert.deepEqual(bundle.warnings, [
      `ca-bundle ${at("mixed.pem")}: certificate "expired" expired at 2020-01-02T00:00:00Z`,
    ]);
  });
});

Deno.test("loadCaBundle() names the file and says what is wrong with it [CFG-55, TL-2]", async () => {
  await withPki(async (_pki, at) => {
    await Deno.writeTextFile(
      at("junk.pem"),
      "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    await Deno.writeTextFile(at("empty.pem"), "");
    const cases: readonly [string, RegExp][] = [
      ["none.pem", /^invalid ca-bundle: there is no file .*none\.pem$/],
      ["", /^invalid ca-bundle: a folder is no certificate file: /],
      ["client.key", /^invalid ca-bundle: no certificate in .*client\.key$/],
      ["empty.pem", /^invalid ca-bundle: no certificate in .*empty\.pem$/],
      ["junk.pem", /^invalid ca-bundle: no certificate that can be parsed in .*junk\.pem$/],
      ["der.pem", /^invalid ca-bundle: .*der\.pem is DER, PEM is wanted/],
    ];
    for (const [name, message] of cases) {
      assert.match(await messageOf(loadCaBundle([at(name)], readFile)), message);
    }
  });
});

Deno.test("loadClientCertificate() takes chains and keys of every unencrypted form [CFG-56]", async () => {
  await withPki(async (pki, at) => {
    for (const key of ["client.key", "sec1.key"]) {
      const pair = { scope: "MCP", certPath: at("client.pem"), keyPath: at(key) };
      const loaded = await loadClientCertificate(pair, readFile);
      assert.deepEqual([loaded.certPem, loaded.warnings], [pki.client.cert, []]);
      assert.match(loaded.keyPem, /^-----BEGIN (EC )?PRIVATE KEY-----/);
    }
    await Deno.writeTextFile(at("chain.pem"), pki.chained.cert);
    const chain = { scope: "MCP", certPath: at("chain.pem"), keyPath: at("chained.key") };
    assert.equal((await loadClientCertificate(chain, readFile)).certPem, pki.chained.cert);
  });
});

Deno.test("loadClientCertificate() names the file and says encrypted, DER, missing or mismatched [CFG-56, TL-4]", async () => {
  await withPki(async (_pki, at) => {
    await Deno.writeTextFile(
      at("junk.key"),
      "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    );
    await Deno.writeTextFile(
      at("junk.pem"),
      "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    const cases: readonly [string, string, RegExp][] = [
      ["client.pem", "none.key", /^invalid control-plane client key: there is no file .*none\.key$/],
      ["none.pem", "client.key", /^invalid control-plane client certificate: there is no file .*none\.pem$/],
      ["client.pem", "encrypted.key", /client key: the key in .*\/encrypted\.key is encrypted; decrypt it/],
      ["client.pem", "encrypted-sec1.key", /client key: the key in .*encrypted-sec1\.key is encrypted/],
      ["client.pem", "der.key", /client key: .*der\.key is DER, PEM is wanted/],
      ["der.pem", "client.key", /client certificate: .*der\.pem is DER, PEM is wanted/],
      ["client.pem", "client.pem", /client key: no private key in .*client\.pem$/],
      ["client.key", "client.key", /client certificate: no certificate in .*client\.key$/],
      ["client.pem", "junk.key", /client key: the key in .*junk\.key is not valid$/],
      ["junk.pem", "client.key", /client certificate: certificate 1 of .*junk\.pem is not valid$/],
      ["client.pem", "good.key", /private key does not match: .*good\.key is not the key of .*client\.pem$/],
    ];
    for (const [cert, key, message] of cases) {
      const pair = { scope: "control-plane", certPath: at(cert), keyPath: at(key) };
      assert.match(await messageOf(loadClientCertificate(pair, readFile)), message);
    }
  });
});

Deno.test("loadClientCertificate() warns of certificates that have expired or are not valid yet [TL-4]", async () => {
  await withPki(async (_pki, at) => {
    const late = { scope: "MCP", certPath: at("late-client.pem"), keyPath: at("late-client.key") };
    assert.deepEqual((await loadClientCertificate(late, readFile)).warnings, [
      `MCP client certificate ${
        at("late-client.pem")
      }: certificate "late-client" expired at 2020-01-02T00:00:00Z`,
    ]);
    const early = { scope: "MCP", certPath: at("early.pem"), keyPath: at("early.key") };
    const [warning] = (await loadClientCertificate(early, readFile)).warnings;
    assert.match(warning ?? "", /is not valid before 2040-01-01T00:00:00Z$/);
  });
});

Deno.test("loadSystemRoots() reads what SSL_CERT_FILE and SSL_CERT_DIR name, and tells what it could not [TL-1]", async () => {
  await withPki(async (pki, at) => {
    const folder = at("roots");
    await Deno.mkdir(folder);
    await Deno.writeTextFile(`${folder}/clients.0`, pki.clientAuthority);
    await Deno.writeTextFile(`${folder}/README`, "none here");
    const list = async (path: string) => (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name);
    const variables = { SSL_CERT_FILE: at("authority.pem"), SSL_CERT_DIR: `${folder}:${at("missing")}` };
    const roots = await loadSystemRoots(variables, readFile, list);
    assert.equal(roots.caPem, pki.authority + pki.clientAuthority);
    assert.deepEqual(roots.report, {
      enabled: true,
      source: "system cert pool",
      source_paths: [at("authority.pem"), `${folder}/clients.0`],
      fallback_note: `not readable: ${at("missing")}`,
    });
    const none = await loadSystemRoots({}, readFile, list);
    assert.deepEqual(none, { caPem: "", report: { enabled: true, source: "system cert pool" } });
  });
});

Deno.test("watchMaterial() tells of changes once, of broken files once, and keeps what was in use [TL-4]", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/value`;
  const stop = new AbortController();
  const events: string[] = [];
  const waiting = new Set<() => void>();
  const told = (event: string) => {
    events.push(event);
    waiting.forEach((check) => check());
  };
  const until = (count: number) =>
    new Promise<void>((resolve) => {
      const check = () => {
        if (events.length < count) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
    });
  let looks = 0;
  let looked = () => {};
  const watch: MaterialWatch<{ text: string }> = {
    load: async () => {
      looks++;
      looked();
      const text = await Deno.readTextFile(path);
      if (text === "broken") throw new TlsMaterialError("half written");
      return { text };
    },
    changed: ({ text }) => told(`changed to ${text}`),
    failed: (error) => told(`failed: ${error.message}`),
    everyMs: 2,
  };
  const moreLooks = () =>
    new Promise<void>((resolve) => {
      const from = looks;
      looked = () => looks >= from + 4 && resolve();
    });
  await Deno.writeTextFile(path, "one");
  const watching = watchMaterial(watch, { text: "one" }, stop.signal);
  await moreLooks();
  await replace(path, "broken");
  await until(1);
  await moreLooks();
  await replace(path, "one");
  await moreLooks();
  await replace(path, "two");
  await until(2);
  await replace(path, "broken");
  await until(3);
  stop.abort();
  await watching;
  assert.deepEqual(events, ["failed: half written", "changed to two", "failed: half written"]);
  await Deno.remove(folder, { recursive: true });
});

/** As certificates are replaced: in one step. */
async function replace(path: string, text: string): Promise<void> {
  await Deno.writeTextFile(`${path}.new`, text);
  await Deno.rename(`${path}.new`, path);
}
