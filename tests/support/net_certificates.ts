/** Certificates for TLS tests, made with the `openssl` program in a directory of their own. */
import assert from "node:assert/strict";

export interface Certificate {
  /** PEM texts. */
  readonly cert: string;
  readonly key: string;
}

export interface TestCertificates extends AsyncDisposable {
  /** Path of the authority's certificate, for `DENO_CERT`. */
  readonly authorityFile: string;
  /** For `localhost` and 127.0.0.1, by the authority. */
  readonly good: Certificate;
  /** The same, but its time was over in 2020. */
  readonly expired: Certificate;
  /** By the authority, for another name. */
  readonly otherName: Certificate;
  /** For `localhost`, signed with its own key; not marked as an authority. */
  readonly selfSigned: Certificate;
}

/** Configuration of a small authority whose files lie in its own folder. */
export const CONFIG = `
[ca]
default_ca = test
[test]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = anything
unique_subject = no
copy_extensions = copy
[anything]
commonName = supplied
[req]
distinguished_name = name
[name]
`;

export async function makeCertificates(): Promise<TestCertificates> {
  const dir = await Deno.makeTempDir({ prefix: "net-tls-" });
  await Deno.writeTextFile(`${dir}/openssl.cnf`, CONFIG);
  await Deno.writeTextFile(`${dir}/index.txt`, "");
  await Deno.writeTextFile(`${dir}/serial`, "01\n");
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const authority = [
    "-config",
    "openssl.cnf",
    ...newKey,
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
    "-subj",
    "/CN=Test",
  ];
  await openssl(dir, [
    "req",
    "-x509",
    "-days",
    "2",
    "-addext",
    "basicConstraints=critical,CA:TRUE",
    ...authority,
  ]);

  const issue = async (label: string, names: string, dates: string[]): Promise<Certificate> => {
    const request = ["-keyout", `${label}.key`, "-out", `${label}.csr`, "-subj", `/CN=${label}`];
    await openssl(dir, [
      "req",
      "-config",
      "openssl.cnf",
      ...newKey,
      ...request,
      "-addext",
      `subjectAltName=${names}`,
    ]);
    const signing = ["-config", "openssl.cnf", "-batch", "-notext", "-cert", "ca.pem", "-keyfile", "ca.key"];
    await openssl(dir, ["ca", ...signing, ...dates, "-in", `${label}.csr`, "-out", `${label}.pem`]);
    return await read(dir, label);
  };
  const local = "DNS:localhost,IP:127.0.0.1";
  const good = await issue("good", local, ["-days", "2"]);
  const past = ["-startdate", "20200101000000Z", "-enddate", "20200102000000Z"];
  const expired = await issue("expired", local, past);
  const otherName = await issue("other", "DNS:elsewhere.example", ["-days", "2"]);
  const self = ["-keyout", "self.key", "-out", "self.pem", "-subj", "/CN=localhost", "-days", "2"];
  const leaf = ["-addext", `subjectAltName=${local}`, "-addext", "basicConstraints=CA:FALSE"];
  await openssl(dir, ["req", "-config", "openssl.cnf", "-x509", ...newKey, ...self, ...leaf]);
  const selfSigned = await read(dir, "self");

  const dispose = () => Deno.remove(dir, { recursive: true });
  return {
    authorityFile: `${dir}/ca.pem`,
    good,
    expired,
    otherName,
    selfSigned,
    [Symbol.asyncDispose]: dispose,
  };
}

async function read(dir: string, label: string): Promise<Certificate> {
  const cert = await Deno.readTextFile(`${dir}/${label}.pem`);
  return { cert, key: await Deno.readTextFile(`${dir}/${label}.key`) };
}

/** Runs `openssl` in a folder. */
export async function openssl(cwd: string, args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args, cwd, stdout: "null" }).output();
  assert.ok(success, `openssl ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}
