/**
 * `deno task compile`: builds `dist/tunnel-client`, one file that needs nothing else, with its checksums, bill of materials
 * and the licenses of what is inside. The same sources and the same Deno give the same bytes.
 *
 * `--target T` builds for another platform (repeatable), `--all` for every one; `--profile NAME` or `--profile-file PATH`
 * gives the binary only the rights that this profile needs; `--output FOLDER` (default `dist`).
 */
import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import { type Bundle, bundleProgram } from "./compile/bundle.ts";
import { noticesText, packageLicenses } from "./compile/notices.ts";
import { spdxDocument } from "./compile/sbom.ts";
import { binaryName, TARGETS } from "./compile/targets.ts";
import { RELEASE } from "../src/version.ts";

const root = new URL("../", import.meta.url);
const { values } = parseArgs({
  args: Deno.args,
  options: {
    target: { type: "string", multiple: true },
    all: { type: "boolean" },
    profile: { type: "string" },
    "profile-file": { type: "string" },
    output: { type: "string", default: "dist" },
  },
});
const targets: readonly (string | undefined)[] = values.all ? TARGETS : values.target ?? [undefined];
for (const target of targets) {
  if (target !== undefined && !TARGETS.some((known) => known === target)) {
    console.error(`unknown target "${target}"; there are: ${TARGETS.join(", ")}`);
    Deno.exit(1);
  }
}

const commit = await commitHash();
const version = commit === "" ? RELEASE : `${RELEASE}+${commit}`;
const builtAt = await sourceDate();
const output = values.output;
const work = await Deno.makeTempDir({ prefix: "tunnel-client-" });
try {
  await Deno.mkdir(output, { recursive: true });
  console.log(`bundle       ${version}`);
  const bundle = await bundleProgram(root, `${work}/bundle`, commit);
  for (const file of bundle.files) await Deno.utime(`${bundle.folder}/${file}`, builtAt, builtAt);
  const rights = await permissionFlags();
  const sums: string[] = [];
  for (const target of targets) sums.push(await build(bundle, target, rights));
  await Deno.writeTextFile(`${output}/SHA256SUMS`, `${sums.join("\n")}\n`);
  console.log(`checksums    ${output}/SHA256SUMS`);
} finally {
  await Deno.remove(work, { recursive: true });
}

/** Builds one binary and what lies beside it. @returns its line for SHA256SUMS */
async function build(bundle: Bundle, target: string | undefined, rights: readonly string[]): Promise<string> {
  const name = binaryName(target);
  const path = `${output}/${name}`;
  // Files of the bundle that no import names would be left out; the name of the output is part of the bytes.
  const built = `${work}/${name}`;
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "compile",
      "--quiet",
      "--no-check",
      "--no-config",
      "--no-lock",
      "--unstable-worker-options",
      "--no-prompt",
      ...rights,
      ...(target === undefined ? [] : [`--target=${target}`]),
      `--output=${built}`,
      "--include=.",
      "main.js",
    ],
    cwd: bundle.folder,
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  if (!success) {
    console.error(
      `deno compile failed${
        target === undefined ? "" : ` for ${target}`
      }. It downloads its base once per version; ` +
        "without that host, set DENORT_BIN (docs/building.md).",
    );
    Deno.exit(1);
  }
  const bytes = await Deno.readFile(built);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  await Deno.writeFile(`${path}.part`, bytes, { mode: 0o755 });
  await Deno.rename(`${path}.part`, path);
  const licenses = await packageLicenses(bundle.packages);
  const document = spdxDocument(
    {
      version,
      fileName: name,
      sha256,
      denoVersion: Deno.version.deno,
      created: builtAt.toISOString().replace(/\.\d+Z$/, "Z"),
    },
    await Deno.readTextFile(new URL("deno.lock", root)),
    bundle.packages,
    new Map(licenses.flatMap(({ id, declared }) => declared === undefined ? [] : [[id, declared]])),
  );
  await Deno.writeTextFile(`${path}.spdx.json`, document);
  await Deno.writeTextFile(`${output}/THIRD_PARTY_NOTICES.txt`, noticesText(licenses));
  console.log(`binary       ${path} (${(bytes.length / 2 ** 20).toFixed(1)} MiB)`);
  console.log(`materials    ${path}.spdx.json (${bundle.packages.length} packages)`);
  return `${sha256}  ${name}`;
}

/** Rights of the finished program: all, or what one profile needs. */
async function permissionFlags(): Promise<readonly string[]> {
  const [flag, value] = values["profile-file"] !== undefined
    ? ["--profile-file", values["profile-file"]]
    : ["--profile", values.profile];
  if (value === undefined) return ["--allow-all"];
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "-A",
      "main.ts",
      "permissions",
      `${flag}=${value}`,
      "--form=binary",
      "--format=json",
    ],
    cwd: root,
    stderr: "inherit",
  }).output();
  if (!success) Deno.exit(1);
  const { process }: { process: { flags: string[] } } = JSON.parse(new TextDecoder().decode(stdout));
  console.log(`rights       ${process.flags.join(" ")}`);
  return process.flags.filter((flag) => flag !== "--no-prompt");
}

/** Of the checkout, twelve digits; `TUNNEL_CLIENT_COMMIT` where there is no git. */
async function commitHash(): Promise<string> {
  return Deno.env.get("TUNNEL_CLIENT_COMMIT") ?? await git("rev-parse", "--short=12", "HEAD");
}

/** When the sources were made: `SOURCE_DATE_EPOCH` in seconds, or the time of the commit. */
async function sourceDate(): Promise<Date> {
  const seconds = Deno.env.get("SOURCE_DATE_EPOCH") || await git("log", "-1", "--format=%ct") || "0";
  return new Date(Number(seconds) * 1000);
}

/** What git says; empty where there is no git or no repository. */
async function git(...args: string[]): Promise<string> {
  try {
    const { success, stdout } = await new Deno.Command("git", { args, cwd: root, stderr: "null" }).output();
    return success ? new TextDecoder().decode(stdout).trim() : "";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
