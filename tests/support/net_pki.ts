/** A company's certificates: authorities, servers of every fault, clients, and keys in every form, as files and as text. */
import { type Certificate, CONFIG, openssl } from "./net_certificates.ts";

const EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
const VALID = ["-days", "2"];
const PAST = ["-startdate", "20200101000000Z", "-enddate", "20200102000000Z"];
const FUTURE = ["-startdate", "20400101000000Z", "-enddate", "20410101000000Z"];
/** Names that only a proxy of the tests can resolve. */
export const TARGET_HOST = "target.invalid";
const SERVER_NAMES = `DNS:localhost,DNS:${TARGET_HOST},IP:127.0.0.1`;

export interface Pki extends AsyncDisposable {
  /** Where the files lie: `name.pem` and `name.key` of each. */
  readonly folder: string;
  /** PEM of the authority of all servers. */
  readonly authority: string;
  /** PEM of the authority of all clients. */
  readonly clientAuthority: string;
  /** By an intermediate authority; the chain is in `cert`. */
  readonly chained: Certificate;
  readonly good: Certificate;
  readonly expired: Certificate;
  readonly early: Certificate;
  readonly otherName: Certificate;
  /** By the clients' authority, which nobody trusts for servers. */
  readonly foreign: Certificate;
  readonly client: Certificate;
  readonly expiredClient: Certificate;
  /** By the servers' authority, so no server accepts it. */
  readonly strangeClient: Certificate;
}

export async function makePki(): Promise<Pki> {
  const folder = await Deno.makeTempDir({ prefix: "net-pki-" });
  await Deno.writeTextFile(`${folder}/openssl.cnf`, CONFIG);
  await Deno.writeTextFile(`${folder}/serial`, "01\n");
  await Deno.writeTextFile(`${folder}/index.txt`, "");
  const read = async (label: string): Promise<Certificate> => ({
    cert: await Deno.readTextFile(`${folder}/${label}.pem`),
    key: await Deno.readTextFile(`${folder}/${label}.key`),
  });
  const authority = async (label: string) => {
    const files = ["-keyout", `${label}.key`, "-out", `${label}.pem`, "-subj", `/CN=${label}`];
    const isAuthority = ["-addext", "basicConstraints=critical,CA:TRUE"];
    await openssl(folder, [
      "req",
      "-config",
      "openssl.cnf",
      "-x509",
      ...EC,
      ...files,
      ...VALID,
      ...isAuthority,
    ]);
  };
  const issue = async (
    label: string,
    by: string,
    dates: string[],
    extension: string,
  ): Promise<Certificate> => {
    const files = ["-keyout", `${label}.key`, "-out", `${label}.csr`, "-subj", `/CN=${label}`];
    await openssl(folder, ["req", "-config", "openssl.cnf", ...EC, ...files, "-addext", extension]);
    const signing = [
      "-config",
      "openssl.cnf",
      "-batch",
      "-notext",
      "-cert",
      `${by}.pem`,
      "-keyfile",
      `${by}.key`,
    ];
    await openssl(folder, ["ca", ...signing, ...dates, "-in", `${label}.csr`, "-out", `${label}.pem`]);
    return await read(label);
  };
  await Promise.all([authority("authority"), authority("clients")]);
  const servers = `subjectAltName=${SERVER_NAMES}`;
  const intermediate = await issue("intermediate", "authority", VALID, "basicConstraints=critical,CA:TRUE");
  const chained = await issue("chained", "intermediate", VALID, servers);
  const pki = {
    folder,
    authority: await Deno.readTextFile(`${folder}/authority.pem`),
    clientAuthority: await Deno.readTextFile(`${folder}/clients.pem`),
    chained: { cert: chained.cert + intermediate.cert, key: chained.key },
    good: await issue("good", "authority", VALID, servers),
    expired: await issue("expired", "authority", PAST, servers),
    early: await issue("early", "authority", FUTURE, servers),
    otherName: await issue("other", "authority", VALID, "subjectAltName=DNS:elsewhere.example"),
    foreign: await issue("foreign", "clients", VALID, servers),
    client: await issue("client", "clients", VALID, "subjectAltName=DNS:client"),
    expiredClient: await issue("late-client", "clients", PAST, "subjectAltName=DNS:client"),
    strangeClient: await issue("strange", "authority", VALID, "subjectAltName=DNS:client"),
  };
  return { ...pki, [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
}

/** The client's key in other forms, as files beside `client.key`. */
export async function makeKeyForms({ folder }: Pki): Promise<void> {
  const run = (...args: string[]) => openssl(folder, args);
  await run("ec", "-in", "client.key", "-out", "sec1.key");
  await run("pkcs8", "-topk8", "-in", "client.key", "-passout", "pass:x", "-out", "encrypted.key");
  await run("ec", "-in", "client.key", "-aes256", "-passout", "pass:x", "-out", "encrypted-sec1.key");
  await run("pkcs8", "-topk8", "-nocrypt", "-in", "client.key", "-outform", "DER", "-out", "der.key");
  await run("x509", "-in", "client.pem", "-outform", "DER", "-out", "der.pem");
}
